import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Report } from '../../src/import/report.ts'
import type { ImportableSystem } from '../../src/import/systems/systems.ts'
import { hashSecret } from '../../src/security/secrets.ts'
import { importInto, importRig, until } from '../helpers/imports.ts'

/** Rows that no system writes, or only after years: each comes along or is refused, and the others come along. */

const folder = mkdtempSync(join(tmpdir(), 'postern-hostile-'))
t.teardown(() => rmSync(folder, { recursive: true }))

type Row = { table: string; row: Record<string, unknown> }
const rig = await importRig(t)
const LONG = 'x'.repeat(5_000)
const sha256 = (text: string) => hashSecret(text).toString('hex')

async function importRows(system: ImportableSystem, source: string, rows: Row[], options = {}): Promise<Report> {
  const file = join(folder, `${source}.ndjson`)
  writeFileSync(file, rows.map(row => JSON.stringify(row)).join('\n'))
  return importInto(rig.services, system, file, { source, unconfirmedEmails: true, ...options })
}

const user = (row: Record<string, unknown>): Row => ({ table: 'users', row: { name: 'Ada', ...row } })
const ADA = user({ id: 1, email: 'ada@example.com' })

/** Why rows were refused, by their ids. */
function refused(report: Report, part: string): Record<string, string> {
  const findings = report.findings.filter(one => one.part === part && one.refused)
  return Object.fromEntries(findings.flatMap(({ examples, reason }) => examples.map(id => [id, reason])))
}

const status = async (text: string) => (await rig.own(text)).status

t.test('users', async t => {
  const argon2 = (parameters: string) => `$argon2id$v=19$${parameters}$${'A'.repeat(22)}$${'A'.repeat(43)}`
  const report = await importRows('sanctum', 'users', [
    ADA,
    user({ id: 2, email: `${LONG}@example.com` }),
    user({ id: 3, email: 'zero\0@example.com' }),
    user({ id: 4, email: 'half\ud800@example.com' }),
    user({ id: 5, email: 'no address' }),
    user({ id: 6, email: null }),
    user({ id: 7, email: ' ADA@example.com' }),
    user({ id: LONG, email: 'long@example.com' }),
    user({ id: null, email: 'none@example.com' }),
    user({ id: 8, email: 'eight@example.com', name: `${LONG}\0\u202e` }),
    user({ id: 9, email: 'nine@example.com', password: argon2('m=4194304,t=100,p=1') }),
    user({ id: 10, email: 'ten@example.com', password: `${argon2('m=65536,t=4,p=1')}\0` }),
    ...['m=524288,t=1,p=1', 'm=65536,t=20,p=1'].map((parameters, i) =>
      user({ id: 90 + i, email: `costly${i}@example.com`, password: argon2(parameters) }),
    ),
    user({ id: 92, email: 'costly2@example.com', password: `$2y$15$${'a'.repeat(53)}` }),
    user({ id: 93, email: 'usual@example.com', password: argon2('m=65536,t=4,p=1') }),
    user({ id: 11, email: 'eleven@example.com', created_at: 'yesterday' }),
    user({ id: 12, email: 'twelve@example.com', created_at: '9999-12-31 23:59:59' }),
    user({ id: 1, email: 'another@example.com' }),
    { table: 'personal_access_tokens', row: { id: 1 } },
  ])
  t.match(report.counts.users, { read: 19, imported: 9 })
  const reasons = refused(report, 'users')
  for (const id of ['2', '3', '4', '5', '6']) t.match(reasons[`users/${id}`], /e-mail address/, id)
  t.match(reasons['users/7'], /the same user here/)
  t.match(reasons['11'], /created_at is no date/)
  t.equal(reasons['users/1'], 'another row of the source has the same id')
  const weak = report.findings.find(({ reason }) => /format of its password hash/.test(reason))
  t.strictSame(weak?.examples, ['users/10'])
  const costly = report.findings.find(({ reason }) => /too much time or memory/.test(reason))
  t.strictSame(costly?.examples, ['users/9', 'users/90', 'users/91', 'users/92'], 'none that would occupy the server')
})

t.test('tokens of Sanctum', async t => {
  const token = (id: unknown, row: Record<string, unknown> = {}): Row => {
    const common = {
      tokenable_type: 'user',
      tokenable_id: 1,
      token: sha256(`a-text-of-some-length-${id}`),
      abilities: '["read"]',
    }
    return { table: 'personal_access_tokens', row: { id, ...common, ...row } }
  }
  const rows = [
    ADA,
    ...[1, 2, 3].map(id => token(id)),
    token(1, { token: sha256('another-text-of-some-length') }),
    token(4, { token: sha256('a-text-of-some-length-3') }),
    token('18446744073709551615', {}),
    token('a\0b'),
    token('\ud800'),
    token(LONG),
    token(null),
    token(5, { token: null }),
    token(6, { token: 'A'.repeat(64) }),
    token(7, { abilities: '["read"' }),
    token(8, { abilities: '"read"' }),
    token(9, { abilities: '[1, {"a": []}]' }),
    token(10, { abilities: '{"0":"read","2":"write"}' }),
    token(11, { abilities: JSON.stringify(['a\0b', '\ud800', LONG, '', '💥', 'a b,c"\\']) }),
    token(12, { expires_at: '0000-00-00 00:00:00' }),
    token(13, { expires_at: '9999-12-31 23:59:59' }),
    token(14, { expires_at: '294276-12-31 23:59:59' }),
    token(15, { expires_at: 'infinity' }),
    token(16, { expires_at: '-infinity' }),
    token(17, { created_at: '0000-00-00 00:00:00', last_used_at: '0001-01-01 00:00:00' }),
    token(18, { name: LONG }),
    token(19, { name: null }),
    token(20, { tokenable_id: "1' or 1=1 --" }),
    token(21, { tokenable_id: '1\0' }),
    token(22, { tokenable_type: null }),
    ...Array.from({ length: 60 }, (_, i) => token(100 + i, { expires_at: `${2_100 + i * 100}-01-01 00:00:00` })),
  ]
  const report = await importRows('sanctum', 'sanctum', rows, { timeZone: 'America/Los_Angeles' })
  const reasons = refused(report, 'tokens')
  t.equal(reasons['1'], 'another row of the source has the same id')
  t.match(reasons['4'], /another token has the same text/)
  for (const id of ['5', '6']) t.match(reasons[id], /no SHA-256/, id)
  for (const id of ['7', '8', '9']) t.match(reasons[id], /abilities are no list of texts/, id)
  for (const id of ['12', '16']) t.match(reasons[id], /expires_at is no date/, id)
  t.match(reasons['20'], /user was not imported/)
  t.match(reasons['21'], /tokenable_id is no id/)
  t.match(reasons['22'], /no user/)
  for (const id of [
    '1|a-text-of-some-length-1',
    '3|a-text-of-some-length-3',
    'a-text-of-some-length-18446744073709551615',
    '13|a-text-of-some-length-13',
    '14|a-text-of-some-length-14',
    '15|a-text-of-some-length-15',
    'a-text-of-some-length-158',
  ])
    t.equal(await status(id), 200, id)
  for (const id of [2, 10, 11, 17, 18, 19]) t.equal(await status(`${id}|a-text-of-some-length-${id}`), 200, `${id}`)
  for (const text of [
    'another-text-of-some-length',
    '1|another-text-of-some-length',
    '4|a-text-of-some-length-3',
    '12|a-text-of-some-length-12',
    'a-text-of-some-length-null',
  ])
    t.equal(await status(text), 401, text)
  // A resource server that has just read the issuer's metadata learns of the first imported tokens a moment later.
  await until(200, () => rig.remote('10|a-text-of-some-length-10'))
  t.strictSame((await rig.remote('10|a-text-of-some-length-10')).scopes, ['legacy:read', 'legacy:write'])
  const [lists] = await rig.services.db.query<{ count: number }>(
    'select count(*)::int as count from oauth_status_lists',
  )
  t.ok(Number(lists?.count) < 40, 'tokens of many centuries share a list')
  const again = await importRows('sanctum', 'sanctum', rows, { timeZone: 'America/Los_Angeles' })
  t.match(again.counts.tokens, { imported: 0, updated: 0, known: report.counts.tokens.imported })
})

t.test('tokens and clients of Doorkeeper', async t => {
  const token = (id: unknown, row: Record<string, unknown> = {}): Row => ({
    table: 'oauth_access_tokens',
    row: {
      id,
      resource_owner_id: 1,
      token: `doorkeeper-text-of-length-${id}`,
      created_at: '2026-01-01 00:00:00',
      ...row,
    },
  })
  const app = (id: unknown, row: Record<string, unknown> = {}): Row => ({
    table: 'oauth_applications',
    row: { id, uid: `uid-${id}`, name: 'App', secret: 's', redirect_uri: 'https://a.example.com/cb', ...row },
  })
  const report = await importRows('doorkeeper', 'doorkeeper', [
    ADA,
    app(1, { uid: LONG }),
    app(2, { uid: 'a\0b' }),
    app(3, { name: '\0', redirect_uri: `javascript:alert(1)\n${LONG}\nhttps://b.example.com/cb` }),
    app(4, { secret: '$2a$12$short\0' }),
    app(5),
    app(5, { name: 'Again' }),
    token(1, { expires_in: 2_000_000_000 }),
    token(2, { expires_in: '99999999999999999999' }),
    token(3, { expires_in: 'soon' }),
    token(4, { expires_in: 60, created_at: null }),
    token(5, { expires_in: -1 }),
    token(6, { token: null }),
    token(7, { token: '' }),
    token(8, { application_id: 1 }),
    token(9, { application_id: 5, refresh_token: '' }),
    token(10),
    token(10, { revoked_at: '2026-02-01 00:00:00' }),
    token(11, { token: 'doorkeeper-text-of-length-12' }),
    token(12),
    token(13, { token: LONG }),
    token(16, { token: 'short' }),
    token(17, { revoked_at: '0000-00-00 00:00:00' }),
    token(14, { refresh_token: 'one', application_id: 5 }),
    token(15, { refresh_token: 'one', application_id: 5 }),
  ])
  const clients = refused(report, 'clients')
  for (const id of ['1', '2']) t.match(clients[id], /its uid is no id/, id)
  t.match(clients['5'], /the same id/)
  const reasons = refused(report, 'tokens')
  for (const id of ['2', '3']) t.match(reasons[id], /expires_in is no number/, id)
  t.match(reasons['4'], /no created_at/)
  for (const id of ['6', '7']) t.match(reasons[id], /it has no token/, id)
  for (const id of ['13', '16']) t.match(reasons[id], /is not what a token can be here/, id)
  t.match(reasons['8'], /client was not imported/)
  t.match(reasons['12'], /the same text/)
  t.match(reasons['17'], /revoked_at is no date/)
  for (const id of [1, 9, 12, 14, 15]) t.equal(await status(`doorkeeper-text-of-length-${id}`), 200, `${id}`)
  t.equal(await status(LONG), 401, 'longer than any token')
  for (const id of [2, 3, 4, 5, 8]) t.equal(await status(`doorkeeper-text-of-length-${id}`), 401, `${id}`)
  t.equal(await status('doorkeeper-text-of-length-10'), 401, 'one of two rows with its id says that it is revoked')
  t.match(refused(report, 'refresh_tokens')['15'], /the same text/)
})

t.test('clients, tokens and refresh tokens of Passport', async t => {
  const at = { created_at: '2026-01-01 00:00:00', expires_at: '2035-01-01 00:00:00' }
  const client = (id: unknown, row: Record<string, unknown> = {}): Row => ({
    table: 'oauth_clients',
    row: { id, name: 'App', secret: 's', redirect: 'https://a.example.com/cb', revoked: 0, ...row },
  })
  const token = (id: unknown, row: Record<string, unknown> = {}): Row => ({
    table: 'oauth_access_tokens',
    row: { id, user_id: 1, client_id: 1, scopes: '[]', revoked: 0, ...at, ...row },
  })
  const refresh = (id: unknown, row: Record<string, unknown> = {}): Row => ({
    table: 'oauth_refresh_tokens',
    row: { id, access_token_id: 'a', revoked: 0, ...at, ...row },
  })
  const report = await importRows('passport', 'passport', [
    ADA,
    client(1),
    client('2\0'),
    client(LONG),
    client(3, { user_id: '1\0' }),
    client(4, { revoked: '2' }),
    client(5, { personal_access_client: 'maybe' }),
    token('a'),
    token('a', { user_id: null }),
    token('b', { client_id: 99 }),
    token('c', { client_id: '1\0' }),
    token('d', { scopes: '{"1":"read"}' }),
    token('h', { expires_at: '0000-00-00 00:00:00' }),
    ...['2', 'revoked', '-1'].map((revoked, i) => token(`i${i}`, { revoked })),
    token('j', { client_id: 4 }),
    token('k', { client_id: 5 }),
    token('e', { revoked: '\u0001' }),
    token('f\0'),
    token('g'.repeat(300)),
    refresh('r'),
    refresh('r'),
    refresh('s', { access_token_id: '\0' }),
    refresh('t', { access_token_id: null }),
    refresh('u'.repeat(300)),
    refresh('v', { expires_at: 'never' }),
    refresh('w', { expires_at: '0000-00-00 00:00:00' }),
    refresh('x', { revoked: '2' }),
  ])
  t.match(report.counts.tokens, { imported: 3, refused: 11 })
  t.match(report.counts.refresh_tokens, { read: 8, imported: 2, refused: 6 })
  t.match(refused(report, 'clients')['4'], /revoked is neither true nor false/)
  t.match(refused(report, 'clients')['5'], /personal_access_client is neither true nor false/)
  for (const id of ['i0', 'i1', 'i2']) t.match(refused(report, 'tokens')[id], /revoked is neither true nor false/, id)
  for (const id of ['j', 'k']) t.match(refused(report, 'tokens')[id], /its client does not exist/, id)
  t.match(refused(report, 'tokens').h, /expires_at is no date/)
  t.match(refused(report, 'refresh_tokens').w, /expires_at is no date/)
  t.match(refused(report, 'refresh_tokens').x, /revoked is neither true nor false/)
  t.match(refused(report, 'clients')['3'], /user_id is no id/)
  t.match(refused(report, 'tokens').a, /the same id/)
  t.match(refused(report, 'tokens').b, /its client does not exist/)
  t.match(refused(report, 'refresh_tokens').v, /expires_at is no date/)
})
