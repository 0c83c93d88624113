import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ImportOptions } from '../../src/cli/import-from.ts'
import { hashSecret } from '../../src/security/secrets.ts'
import { newUser } from '../helpers/app.ts'
import { type ImportRig, importInto, importRig } from '../helpers/imports.ts'

const EMAIL = 'ada.victim@example.com'
const CONFIRMED = '2026-01-01T00:00:00Z'
const TEXT = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFG'

const folder = mkdtempSync(join(tmpdir(), 'postern-import-users-'))
t.teardown(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

/** A user with a token, in the form of each system; `null`: the address was not confirmed. */
function sourceOf(system: 'sanctum' | 'doorkeeper' | 'tokens', confirmedAt: string | null): string {
  const user = { id: 1, email: EMAIL, name: 'Somebody', password: null, created_at: CONFIRMED }
  const column = { sanctum: 'email_verified_at', doorkeeper: 'confirmed_at', tokens: 'email_confirmed_at' }[system]
  const sha256 = hashSecret(TEXT).toString('hex')
  const token = {
    sanctum: {
      table: 'personal_access_tokens',
      row: { tokenable_type: 'user', tokenable_id: 1, token: sha256, abilities: '[]' },
    },
    doorkeeper: { table: 'oauth_access_tokens', row: { resource_owner_id: 1, token: TEXT } },
    tokens: { table: 'tokens', row: { user_id: 1, name: 'CI', sha256 } },
  }[system]
  const rows = [
    { table: 'users', row: { ...user, [column]: confirmedAt } },
    { table: token.table, row: { id: 1, created_at: CONFIRMED, ...token.row } },
  ]
  return file(`${system}-${confirmedAt === null}.ndjson`, rows.map(row => JSON.stringify(row)).join('\n'))
}

async function importUser(
  { services }: ImportRig,
  confirmedAt: string | null,
  options: Partial<ImportOptions>,
  system: Parameters<typeof sourceOf>[0] = 'sanctum',
) {
  const { findings } = await importInto(services, system, sourceOf(system, confirmedAt), options)
  return findings.filter(({ part, refused }) => part === 'users' && refused).map(({ reason }) => reason)
}

async function rigWith(t: Test, role: 'user' | 'admin' = 'user') {
  const rig = await importRig(t)
  return { rig, user: await newUser(rig.services, role, EMAIL) }
}

for (const system of ['sanctum', 'doorkeeper', 'tokens'] as const) {
  for (const users of ['by-email', 'create']) {
    t.test(`${system}, --users ${users}: an address that nobody confirmed matches no user`, async t => {
      const { rig, user } = await rigWith(t)
      const [reason] = await importUser(rig, null, { users }, system)
      t.match(reason, /nobody confirmed its e-mail address in the source: --users map\.csv .* --unconfirmed-emails/)
      t.equal((await rig.own(TEXT)).status, 401)
      t.strictSame(await importUser(rig, CONFIRMED, { users }, system), [])
      t.match(await rig.own(TEXT), { status: 200, user: user.id })
    })
  }
}

t.test('an address that is not confirmed here matches nobody', async t => {
  const { rig, user } = await rigWith(t)
  await rig.services.users.update(user.id, { email: EMAIL, emailConfirmed: false })
  const [reason] = await importUser(rig, CONFIRMED, { users: 'by-email' })
  t.match(reason, /has not confirmed it/)
  t.equal((await rig.own(TEXT)).status, 401)
})

t.test('the operator can accept unconfirmed addresses', async t => {
  const { rig, user } = await rigWith(t)
  await rig.services.users.update(user.id, { email: EMAIL, emailConfirmed: false })
  t.strictSame(await importUser(rig, null, { users: 'by-email', unconfirmedEmails: true }), [])
  t.match(await rig.own(TEXT), { status: 200, user: user.id })
})

t.test('an administrator is matched by the map only', async t => {
  const { rig, user } = await rigWith(t, 'admin')
  for (const unconfirmedEmails of [false, true]) {
    const [reason] = await importUser(rig, CONFIRMED, { users: 'create', unconfirmedEmails })
    t.match(reason, /an administrator here/)
    t.equal((await rig.own(TEXT)).status, 401)
  }
  t.strictSame(await importUser(rig, null, { users: file('map.csv', `1,${EMAIL}\n`) }), [])
  t.match(await rig.own(TEXT), { status: 200, user: user.id })
})

t.test('a user who does not exist here is created with an address that stays unconfirmed', async t => {
  const rig = await importRig(t)
  t.strictSame(await importUser(rig, null, { users: 'create' }), [])
  t.equal((await rig.services.users.findByEmail(EMAIL))?.emailConfirmedAt, null)
})
