import t from 'tap'
import { legacyScope } from '../../../src/imported/scopes.ts'
import {
  type FixtureToken,
  fixture,
  fixturePath,
  type ImportRig,
  importInto,
  importRig,
  sourcesOf,
  until,
} from '../../helpers/imports.ts'
import { basic, form } from '../../helpers/oauth.ts'

/** Every text of the fixture means here what it meant to Doorkeeper itself. */

const DUMP = fixturePath('doorkeeper', 'doorkeeper.sql')
const { tokens, clients, users } = fixture('doorkeeper')
const access = tokens.filter(({ kind }) => kind === 'access token' || kind === 'client credentials token')
const refresh = tokens.filter(({ kind }) => kind === 'refresh token')
/** A token without scopes is refused there by every route, and here by every route that requires a scope. */
const works = ({ expect }: FixtureToken) => expect.works || expect.status === 403

async function userOf({ services }: ImportRig, email: string | null): Promise<string | null> {
  return email === null ? null : ((await services.users.findByEmail(email))?.id as string)
}

for (const source of sourcesOf('doorkeeper')) {
  t.test(`tokens from ${source.name}`, { skip: source.skip }, async t => {
    const from = await source.open(t)
    const rig = await importRig(t)
    const { counts } = await importInto(rig.services, 'doorkeeper', from)
    t.strictSame(counts.tokens, { read: 19, imported: 18, known: 0, updated: 0, refused: 1 })
    t.strictSame(counts.refresh_tokens, { read: 8, imported: 8, known: 0, updated: 0, refused: 0 })
    const usable = access.filter(works)
    await until(200, () => rig.remote(usable[0]?.plain as string))
    for (const { key, plain, expect, db } of usable) {
      const seen = await rig.remote(plain)
      t.equal(seen.status, 200, key)
      const owner = users.find(({ id }) => id === db.resource_owner_id)?.email ?? null
      t.equal(seen.user, await userOf(rig, owner), key)
      t.strictSame(seen.scopes, (expect.scopes ?? []).map(legacyScope), key)
      t.equal((await rig.own(plain)).status, owner === null ? 403 : 200, key)
    }
    for (const { key, plain } of access.filter(token => !works(token))) {
      t.equal((await rig.own(plain)).status, 401, key)
      t.equal((await rig.remote(plain)).status, 401, key)
    }
  })
}

t.test('a stored hash is no token, although the original accepts it', async t => {
  const rig = await importRig(t)
  await importInto(rig.services, 'doorkeeper', DUMP)
  const hashed = access.filter(({ plain, db }) => db.token !== plain)
  t.ok(hashed.length >= 5)
  for (const { key, db } of hashed) {
    t.equal((await rig.own(db.token)).status, 401, key)
    t.equal((await rig.remote(db.token)).status, 401, key)
  }
})

t.test('64 digits whose kind is not known are refused until the operator tells', async t => {
  const rig = await importRig(t)
  const never = await importInto(rig.services, 'doorkeeper', DUMP, { hashedSince: new Date('2018-01-01') })
  t.equal(never.counts.tokens.imported, 18)
  const [hex] = access.filter(({ key }) => key === 'hex-plain')
  t.equal((await rig.own(hex?.plain as string)).status, 401, 'taken for a hash, so the text is unknown')
})

t.test('a token that is revoked here is refused everywhere within a moment', async t => {
  const rig = await importRig(t)
  await importInto(rig.services, 'doorkeeper', DUMP)
  for (const { plain, db } of access.filter(works)) {
    await until(200, () => rig.remote(plain))
    const [row] = await rig.services.db.query<{ id: string }>(
      `select row_id as id from oauth_imported_rows where kind = 'token' and source_id = ?`,
      [String(db.id)],
    )
    t.equal(await rig.services.revokeToken(row?.id as string), 1)
    t.equal((await rig.own(plain)).status, 401)
    await until(401, () => rig.remote(plain))
  }
})

t.test('a secret of each kind is verified, and only the secret itself', async t => {
  const { server, services } = await importRig(t)
  await importInto(services, 'doorkeeper', DUMP)
  for (const [key, { id, secret, stored_secret: stored }] of Object.entries(clients)) {
    if (secret === null) continue
    const [row] = await services.db.query<{ id: string }>(
      `select row_id as id from oauth_imported_rows where kind = 'client' and source_id = ?`,
      [String(id)],
    )
    const ask = (text: string) =>
      form(server, '/oauth/token', { grant_type: 'client_credentials' }, basic(row?.id as string, text))
    t.equal((await ask(`${secret}x`)).statusCode, 401, key)
    if (stored !== secret) t.equal((await ask(stored)).statusCode, 401, key)
    const isUsers = (await services.clients.find(row?.id as string)).user !== null
    t.equal(isUsers, key === 'old', 'the first one belongs to a user, who cannot allow client_credentials')
    const status = isUsers ? 400 : 200
    for (const time of ['first', 'second']) t.equal((await ask(secret)).statusCode, status, `${key}, the ${time} time`)
    t.equal((await ask(`${secret}x`)).statusCode, 401, key)
    const { secrets } = await services.clients.find(row?.id as string)
    t.notOk(
      secrets.some(({ bcrypt }) => bcrypt),
      'what was verified is hashed as our own secrets are',
    )
  }
})

t.test('a refresh token is exchanged for ours, once', async t => {
  const { server, services } = await importRig(t)
  await importInto(services, 'doorkeeper', DUMP)
  for (const { key, plain, db } of refresh) {
    const [row] = await services.db.query<{ id: string }>(
      `select row_id as id from oauth_imported_rows where kind = 'client' and source_id = ?`,
      [String(db.application_id)],
    )
    const client = Object.values(clients).find(({ id }) => id === db.application_id)
    const id = row?.id as string
    const ask = (text: string) =>
      client.secret === null
        ? form(server, '/oauth/token', { grant_type: 'refresh_token', refresh_token: text, client_id: id })
        : form(server, '/oauth/token', { grant_type: 'refresh_token', refresh_token: text }, basic(id, client.secret))
    if (db.refresh_token !== plain) t.equal((await ask(db.refresh_token)).statusCode, 400, `${key}, its hash`)
    const first = await ask(plain)
    t.equal(first.statusCode, 200, `${key} ${first.body}`)
    t.strictSame(first.json().scope.split(' '), db.scopes.split(' ').map(legacyScope), key)
    const next = await ask(first.json().refresh_token)
    t.equal(next.statusCode, 200, key)
    t.equal((await ask(plain)).statusCode, 400, `${key}, a second time`)
  }
})

t.test('people sign in with their passwords, which are then hashed as ours are', async t => {
  const { services } = await importRig(t)
  await importInto(services, 'doorkeeper', DUMP)
  for (const { email, password, deleted } of users) {
    t.equal(await services.users.authenticate(email, `${password}x`), undefined)
    const user = await services.users.authenticate(email, password)
    t.equal(user !== undefined, !deleted, email)
    if (!deleted) t.match(user?.passwordHash, /^\$argon2id\$/)
    if (!deleted) t.ok(await services.users.authenticate(email, password))
  }
})
