import { readFile } from 'node:fs/promises'

/** A compiled program. TypeScript declares WebAssembly for browsers only. */
type Module = object
declare const WebAssembly: { compile(bytes: Uint8Array): Promise<Module> }

/** PGlite's programs, compiled, as its options name them; threads share the code of one module. */
export interface WasmModules {
  pgliteWasmModule: Module
  initdbWasmModule: Module
}

let compiled: Promise<WasmModules> | undefined

/**
 * Compiles PGlite's WebAssembly once for the process and keeps it: each worker that compiled it anew, and freed it at its
 * end, could meet a fault in V8's records of code pages that ends the process (docs/adr/0043).
 */
export function wasmModules(): Promise<WasmModules> {
  compiled ??= compileBoth()
  // What failed may work the next time, as when too many files were open.
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
