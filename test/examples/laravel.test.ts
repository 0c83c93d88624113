import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { writeFile } from '../../src/dump/file.ts'
import { exportRows } from '../../src/import/export.ts'
import { blocksOf } from '../helpers/guides.ts'
import { API, fixture, fixturePath, importInto } from '../helpers/imports.ts'
import { listeningIssuer } from '../helpers/issuer.ts'
import { freePort } from '../helpers/port.ts'

/** The code of the guide for Laravel, in PHP over HTTP: tokens of Sanctum mean there what they meant to Sanctum. */

const missing = spawnSync('php', ['-v']).status !== 0 && 'PHP is not installed'
const CAN = ['server:read', 'billing:read', 'a/b', 'läs:ämne', 'admin:write']
const SCRIPT = join(import.meta.dirname, 'laravel-api.php')
const EXAMPLE = join(import.meta.dirname, '../../examples/laravel')
const BLOCKS = ['migration', 'fill', 'provider', 'auth', 'services', 'introspect']

t.test('a Laravel API, by the blocks of its guide', { skip: missing }, async t => {
  const { issuer, services } = await listeningIssuer(t, { audience: API })
  const { client, secret } = await services.clients.create({ name: 'Orders API', audience: API })
  await importInto(services, 'sanctum', fixturePath('sanctum', 'sanctum.sql'), { timeZone: 'America/Los_Angeles' })

  const blocks = blocksOf('moving-from-laravel.md', 'php')
  t.equal(blocks.length, BLOCKS.length)
  const folder = t.testdir(Object.fromEntries(BLOCKS.map((name, i) => [`${name}.php`, blocks[i] as string])))
  await writeFile(join(folder, 'users.ndjson'), write => exportRows(services.db, write), { gzip: false })
  const settings = { POSTERN_ISSUER: issuer, POSTERN_CLIENT_ID: client.id, POSTERN_CLIENT_SECRET: secret as string }
  const env = { ...process.env, ...settings, FOLDER: folder, EXAMPLE }
  const filled = spawnSync('php', [SCRIPT], { env, encoding: 'utf8' })
  t.equal(filled.status, 0, filled.stdout + filled.stderr)

  const port = await freePort()
  const php = spawn('php', ['-S', `127.0.0.1:${port}`, SCRIPT], { env })
  t.teardown(() => php.kill())
  await once(php.stderr, 'data')
  const query = CAN.map(scope => `can[]=${encodeURIComponent(scope)}`).join('&')
  const ask = async (headers: Record<string, string>, parameters = '') => {
    const response = await fetch(`http://127.0.0.1:${port}/?${query}${parameters}`, { headers })
    return { status: response.status, body: (await response.json()) as { user: string; can: boolean[] } }
  }
  const introspect = (text: string) => ask({ authorization: `Bearer ${text}` }, '&introspect')

  const { tokens, users } = fixture('sanctum')
  for (const { key, plain, expect } of tokens.filter(one => one.key !== 'v4-team')) {
    const { status, body } = await introspect(plain)
    t.equal(status, expect.status, key)
    if (status !== 200) continue
    t.equal(body.user, String(users.find(({ email }) => email === expect.user)?.id), key)
    const all = expect.abilities.includes('*')
    const expected = CAN.map(scope => scope !== 'admin:write' && (all || expect.abilities.includes(scope)))
    t.strictSame(body.can, expected, key)
  }
  t.equal((await introspect('nonsense')).status, 401)
  const [first] = tokens
  const authorization = `Bearer ${first?.plain}`
  await fetch(`${issuer}/api/tokens/current`, { method: 'DELETE', headers: { authorization } })
  t.equal((await introspect(first?.plain as string)).status, 401, 'revoked')

  const user = await services.users.findByEmail(users[0]?.email as string)
  const headers = { 'X-Auth-User': user?.id as string, 'X-Auth-Scopes': 'legacy:server:read a/b' }
  const { status, body } = await ask(headers)
  t.strictSame({ status, ...body }, { status: 200, user: String(users[0]?.id), can: [true, false, true, false, false] })
  for (const id of ['', client.id]) t.equal((await ask({ ...headers, 'X-Auth-User': id })).status, 401, 'no user')
  t.equal((await ask({ authorization })).status, 401, 'a token that the sidecar did not check')
  writeFileSync(join(folder, 'services.php'), String(blocks[4]).replace('POSTERN_ISSUER', 'EXAMPLE'))
  t.equal((await fetch(`http://127.0.0.1:${port}/?introspect`, { headers: { authorization } })).status, 503)
})
