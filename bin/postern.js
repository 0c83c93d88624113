#!/usr/bin/env node
// In a checkout the sources run as they are; the published package carries only what was built from them.
import { existsSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

// Beside the code, where only whoever may change the code can write. Where nobody can, a command takes longer.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/postern', import.meta.url)))
const source = new URL('../src/cli.ts', import.meta.url)
const built = new URL('../dist/src/cli.js', import.meta.url)
const { main } = await import(existsSync(source) ? source.href : built.href)
process.exitCode = await main(process.argv.slice(2))
