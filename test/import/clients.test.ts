import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { writeFile } from '../../src/dump/file.ts'
import { exportRows } from '../../src/import/export.ts'
import type { ImportableSystem } from '../../src/import/systems/systems.ts'
import { actingAs } from '../helpers/app.ts'
import { type ImportRig, importInto, importRig } from '../helpers/imports.ts'
import { basic, form } from '../helpers/oauth.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-import-clients-'))
t.teardown(() => rmSync(folder, { recursive: true }))

const USERS = [1, 2].map(id => ({
  table: 'users',
  row: { id, name: 'Ada', email: `owner${id}@example.com`, created_at: '2026-01-01 00:00:00' },
}))
const SECRET = 'plain-secret-of-the-source'
const URI = 'https://app.example.com/cb'
const GRANTS = '["authorization_code","refresh_token","client_credentials"]'

/** A client in the form of each system and version, with the columns that name its owner. */
const CLIENTS: Record<string, { system: ImportableSystem; table: string; row: object; owner(id: number): object }> = {
  'passport 12': {
    system: 'passport',
    table: 'oauth_clients',
    row: { secret: SECRET, redirect: URI, personal_access_client: 0, password_client: 0 },
    owner: user_id => ({ user_id }),
  },
  'passport 13': {
    system: 'passport',
    table: 'oauth_clients',
    row: { secret: SECRET, redirect_uris: `["${URI}"]`, grant_types: GRANTS, owner_id: null, owner_type: null },
    owner: owner_id => ({ owner_id, owner_type: 'App\\Models\\User' }),
  },
  doorkeeper: {
    system: 'doorkeeper',
    table: 'oauth_applications',
    row: { uid: null, secret: SECRET, redirect_uri: URI, confidential: 1, owner_id: null, owner_type: null },
    owner: owner_id => ({ owner_id, owner_type: 'User' }),
  },
  tokens: {
    system: 'tokens',
    table: 'clients',
    row: { secret: SECRET, redirect_uris: `["${URI}"]`, grant_types: GRANTS },
    owner: user_id => ({ user_id }),
  },
}
const TOKENS: Record<string, string> = {
  passport: 'oauth_access_tokens',
  doorkeeper: 'oauth_access_tokens',
  tokens: 'tokens',
}

async function clientOf({ services }: ImportRig, id: string) {
  const [row] = await services.db.query<{ id: string }>(
    `select row_id as id from oauth_imported_rows where kind = 'client' and source_id = ?`,
    [id],
  )
  return row && services.clients.find(row.id)
}

for (const [name, { system, table, row, owner }] of Object.entries(CLIENTS)) {
  t.test(`${name}: the app of a user stays one`, async t => {
    const rig = await importRig(t)
    const common = { name: 'App', revoked: 0, created_at: '2026-01-01 00:00:00' }
    const rows = [
      ...USERS,
      { table, row: { id: 11, ...common, ...row } },
      { table, row: { id: 12, ...common, ...row, ...owner(1) } },
      { table, row: { id: 13, ...common, ...row, ...owner(99) } },
      { table: TOKENS[system], row: { id: 21, client_id: 11, user_id: 99 } },
    ]
    const file = join(folder, `${name}.ndjson`)
    writeFileSync(file, rows.map(one => JSON.stringify(one)).join('\n'))
    for (const dryRun of [true, false]) {
      const { counts } = await importInto(rig.services, system, file, { dryRun })
      t.match(counts.clients, { read: 3, imported: 2, refused: 1 })
    }
    const [operators, users] = [await clientOf(rig, '11'), await clientOf(rig, '12')]
    t.equal(operators?.isOperators(), true)
    t.equal(users?.user, (await rig.services.users.findByEmail('owner1@example.com'))?.id)
    t.equal(await clientOf(rig, '13'), undefined, 'its owner does not exist')
    t.notOk(users?.grantTypes.includes('client_credentials'))
    const ask = (id: string) =>
      form(rig.server, '/oauth/token', { grant_type: 'client_credentials' }, basic(id, SECRET))
    t.equal((await ask(operators?.id as string)).statusCode, 200)
    t.equal((await ask(users?.id as string)).statusCode, 400)
  })
}

t.test('a model that is no user owns no client', async t => {
  const rig = await importRig(t)
  for (const name of ['passport 13', 'doorkeeper']) {
    const { system, table, row } = CLIENTS[name] as (typeof CLIENTS)[string]
    const team = { id: 11, name: 'App', ...row, owner_id: 1, owner_type: 'App\\Models\\Team' }
    const rows = [...USERS, { table, row: team }, { table: TOKENS[system], row: { id: 21, client_id: 11 } }]
    const file = join(folder, `team ${system}.ndjson`)
    writeFileSync(file, rows.map(one => JSON.stringify(one)).join('\n'))
    const { counts, findings } = await importInto(rig.services, system, file)
    t.match(counts.clients, { imported: 0, refused: 1 })
    t.match(findings.find(({ part }) => part === 'clients')?.reason, /which is no user/)
  }
})

t.test('what a deployment exports', async t => {
  const [from, to] = [await importRig(t), await importRig(t)]
  const { user } = await actingAs(from.services, ['orders:read'], { format: 'opaque' })
  const settings = { redirectUris: [URI], authMethod: 'client_secret_basic' as const }
  const { client: own } = await from.services.clients.create({ name: 'Own app', userId: user.id, ...settings })
  const { client: operators } = await from.services.clients.create({ name: 'Operator', ...settings })
  const { client: registered } = await from.services.clients.create({ name: 'Registered', ...settings })
  await from.services.db.query(`update oauth_clients set registration_hash = '\\x01' where id = ? returning id`, [
    registered.id,
  ])
  const file = join(folder, 'all.ndjson')
  await writeFile(file, write => exportRows(from.services.db, write), { gzip: false })
  await importInto(to.services, 'tokens', file)
  t.equal((await clientOf(to, own.id))?.user, (await to.services.users.findByEmail(user.email))?.id)
  t.equal((await clientOf(to, operators.id))?.isOperators(), true)
  t.equal(await clientOf(to, registered.id), undefined, 'it would be an app of the operator')
})
