#!/usr/bin/env node
// Runs the sources in a checkout, and the compiled files in the published package.
import { existsSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'

// The cache is next to the code, so that only users who may change the code can write to it. If the directory is not
// writable, commands start more slowly.
enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/postern', import.meta.url)))
const source = new URL('../src/cli.ts', import.meta.url)
const built = new URL('../dist/src/cli.js', import.meta.url)
const { main } = await import(existsSync(source) ? source.href : built.href)
process.exitCode = await main(process.argv.slice(2))
