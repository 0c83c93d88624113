// Generates openapi/openapi.json from the routes: npm run openapi.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { buildApp } from 'postern'

const FILE = resolve(import.meta.dirname, '..', 'openapi', 'openapi.json')
const ISSUER = 'http://localhost:3000'

const dataDir = mkdtempSync(join(tmpdir(), 'postern-openapi-'))
const app = await buildApp({ issuer: ISSUER, dataDir, databaseUrl: undefined, logLevel: 'silent' })
try {
  const { body } = await app.inject({ url: '/docs/json', headers: { host: new URL(ISSUER).host } })
  writeFileSync(FILE, `${JSON.stringify(JSON.parse(body), null, 2)}\n`)
} finally {
  await app.close()
  rmSync(dataDir, { recursive: true })
}
