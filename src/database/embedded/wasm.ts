import { readFile } from 'node:fs/promises'

/** A compiled WebAssembly module. TypeScript declares WebAssembly for browsers only. */
type Module = object
declare const WebAssembly: { compile(bytes: Uint8Array): Promise<Module> }

/** PGlite's compiled modules, named as in its options. Threads share the code of a module. */
export interface WasmModules {
  pgliteWasmModule: Module
  initdbWasmModule: Module
}

let compiled: Promise<WasmModules> | undefined

/**
 * Compiles PGlite's WebAssembly once per process and caches it. If each worker compiled its own copy and freed it at its
 * end, a bug in V8's management of code pages could crash the process (docs/adr/0043).
 */
export function wasmModules(): Promise<WasmModules> {
  compiled ??= compileBoth()
  // A failure may be temporary, such as too many open files, so the next call tries again.
  compiled.catch(() => {
    compiled = undefined
  })
  return compiled
}

async function compileBoth(): Promise<WasmModules> {
  const [pgliteWasmModule, initdbWasmModule] = await Promise.all([compile('pglite.wasm'), compile('initdb.wasm')])
  return { pgliteWasmModule, initdbWasmModule }
}

async function compile(file: string): Promise<Module> {
  return WebAssembly.compile(await readFile(new URL(file, import.meta.resolve('@electric-sql/pglite'))))
}
