import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type FixtureToken, fixture, fixturePath, type ImportRig, importInto, importRig } from '../helpers/imports.ts'
import { basic, form } from '../helpers/oauth.ts'

/** What ends in the source between two imports ends here, with all that came of it. */

const folder = mkdtempSync(join(tmpdir(), 'postern-end-refresh-'))
t.teardown(() => rmSync(folder, { recursive: true }))

const ZONES = { passport12: 'Europe/Berlin', passport13: 'UTC', doorkeeper: 'UTC' }
type Name = keyof typeof ZONES

/** The refresh tokens of a fixture that work, each with its id in the source. */
function refreshTokens(name: Name): { key: string; plain: string; id: string; token: FixtureToken }[] {
  return fixture(name)
    .tokens.filter(({ kind, expect }) => kind === 'refresh token' && expect.works !== false)
    .map(token => ({ key: token.key, plain: token.plain, id: idOf(name, token), token }))
}

function idOf(name: Name, token: FixtureToken): string {
  const { decrypted } = token as unknown as { decrypted?: { refresh_token_id: string } }
  return name === 'doorkeeper' ? String(token.db.id) : (decrypted?.refresh_token_id as string)
}

/** The dump, with the row of each refresh token changed; a row that becomes empty is deleted. */
function dumpWith(name: Name, change: (line: string) => string): string {
  const ids = refreshTokens(name).map(({ id }) => id)
  const table = name === 'doorkeeper' ? 'oauth_access_tokens' : 'oauth_refresh_tokens'
  let inside = false
  const lines: string[] = []
  for (const line of readFileSync(fixturePath(name, `${name}.sql`), 'utf8').split('\n')) {
    if (line.startsWith('INSERT INTO ')) inside = line.startsWith(`INSERT INTO \`${table}\``)
    const [, id] = /^\('?(\w+)'?,/.exec(line) ?? []
    const next = inside && ids.includes(id as string) ? change(line) : line
    if (next !== '' || line === '') lines.push(next)
    // The last row of a statement ends it.
    else if (line.endsWith(';')) lines.push(`${(lines.pop() as string).replace(/,$/, '')};`)
  }
  const file = join(folder, `${name}-${Math.random()}.sql`)
  writeFileSync(file, lines.join('\n'))
  return file
}

const DELETED = () => ''
const REVOKED: Record<Name, (line: string) => string> = {
  passport12: line => line.replace(/,0,('[^']*'|NULL)\)/, ',1,$1)'),
  passport13: line => line.replace(/,0,('[^']*'|NULL)\)/, ',1,$1)'),
  doorkeeper: line => line.replace(/,NULL,('[^']*'\)[,;])$/, ",'2025-01-01 00:00:00',$1"),
}

async function imported({ services }: ImportRig, name: Name, from = fixturePath(name, `${name}.sql`), dryRun = false) {
  const system = name === 'doorkeeper' ? name : 'passport'
  const appKey = name === 'doorkeeper' ? {} : { appKey: fixturePath(name, 'env') }
  return importInto(services, system, from, { timeZone: ZONES[name], dryRun, ...appKey })
}

async function refresh({ server, services }: ImportRig, name: Name, token: FixtureToken, text: string) {
  const { decrypted } = token as unknown as { decrypted?: { client_id: string } }
  const sourceId = String(decrypted?.client_id ?? token.db.application_id)
  const client = Object.values(fixture(name).clients).find(({ id, db }) => String(id ?? db.id) === sourceId)
  const [row] = await services.db.query<{ id: string }>(
    `select row_id as id from oauth_imported_rows where kind = 'client' and source_id = ?`,
    [sourceId],
  )
  const id = row?.id as string
  const params = { grant_type: 'refresh_token', refresh_token: text }
  return client.secret === null
    ? form(server, '/oauth/token', { ...params, client_id: id })
    : form(server, '/oauth/token', params, basic(id, client.secret))
}

async function assertEnded(t: Test, name: Name, dump: string): Promise<void> {
  const rig = await importRig(t)
  await imported(rig, name)
  const all = refreshTokens(name)
  t.ok(all.length > 1)
  // The first half is used here before: their successors have to end too.
  const used = new Map<string, { refresh_token: string; access_token: string }>()
  for (const { key, plain, token } of all.slice(0, all.length / 2)) {
    const response = await refresh(rig, name, token, plain)
    t.equal(response.statusCode, 200, key)
    used.set(key, response.json())
  }
  const { counts: dry } = await imported(rig, name, dump, true)
  const { counts } = await imported(rig, name, dump)
  t.equal(counts.refresh_tokens.updated, all.length)
  t.equal(dry.refresh_tokens.updated, all.length)
  for (const { key, plain, token } of all) {
    const successor = used.get(key)
    t.equal((await refresh(rig, name, token, successor?.refresh_token ?? plain)).statusCode, 400, key)
    if (successor) t.equal((await rig.own(successor.access_token)).status, 401, key)
  }
  t.equal((await imported(rig, name, dump)).counts.refresh_tokens.updated, 0, 'a second time')
  await imported(rig, name)
  for (const { key, plain, token } of all.slice(all.length / 2)) {
    t.equal((await refresh(rig, name, token, plain)).statusCode, 400, `${key}, from an older dump`)
  }
}

for (const name of Object.keys(ZONES) as Name[]) {
  t.test(`${name}: refresh tokens that were deleted`, t => assertEnded(t, name, dumpWith(name, DELETED)))
  t.test(`${name}: refresh tokens that were revoked`, t => assertEnded(t, name, dumpWith(name, REVOKED[name])))
}

t.test('a dump without the table of refresh tokens ends none', async t => {
  const rig = await importRig(t)
  await imported(rig, 'passport13')
  const dump = readFileSync(fixturePath('passport13', 'passport13.sql'), 'utf8')
  const file = join(folder, 'without.sql')
  writeFileSync(file, dump.replaceAll('`oauth_refresh_tokens`', '`others`'))
  t.equal((await imported(rig, 'passport13', file)).counts.refresh_tokens.updated, 0)
  for (const { key, plain, token } of refreshTokens('passport13')) {
    t.equal((await refresh(rig, 'passport13', token, plain)).statusCode, 200, key)
  }
})
