#!/usr/bin/env node
// Runs the sources in a checkout, and the compiled files in the published package.
import { existsSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'

// An import of millions of rows makes much garbage and keeps little, and V8 lets the heap of a machine with much memory grow to
// several times of what is in use. The young generation keeps the size that it has now.
const IMPORT_FLAGS = ['--semi-space-growth-factor=1', '--heap-growing-percent=50']
if (process.argv[2] === 'import') for (const flag of IMPORT_FLAGS) setFlagsFromString(flag)

// V8 would optimise the embedded database with 500 MB of memory, for a fifth more statements a second
// (docs/adr/0053-embedded-database-without-optimising-compiler.md). Only what works on the whole database is worth it.
const BULK_COMMANDS = ['import', 'export', 'dump', 'restore']
const WITHOUT_OPTIMISATION = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering']
if (!BULK_COMMANDS.includes(process.argv[2])) for (const flag of WITHOUT_OPTIMISATION) setFlagsFromString(flag)

// The cache is next to the code, so that only users who may change the code can write to it. If the directory is not
// writable, commands start more slowly.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/postern', import.meta.url)))
const source = new URL('../src/cli.ts', import.meta.url)
const built = new URL('../dist/src/cli.js', import.meta.url)
const { main } = await import(existsSync(source) ? source.href : built.href)
process.exitCode = await main(process.argv.slice(2))
