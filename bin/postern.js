#!/usr/bin/env node
// In a checkout the sources run as they are; the published package carries only what was built from them.
import { existsSync } from 'node:fs'

const source = new URL('../src/cli.ts', import.meta.url)
const built = new URL('../dist/src/cli.js', import.meta.url)
await import(existsSync(source) ? source.href : built.href)
