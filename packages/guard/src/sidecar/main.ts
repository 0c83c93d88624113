#!/usr/bin/env node
// The command `postern-guard`.
import { readFileSync } from 'node:fs'
import { runSidecar } from './run.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
process.exitCode = await runSidecar(process.argv.slice(2), { command: 'postern-guard', version })
