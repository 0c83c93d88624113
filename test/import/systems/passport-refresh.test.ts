import t from 'tap'
import {
  type FixtureToken,
  fixture,
  fixturePath,
  type ImportRig,
  importInto,
  importRig,
} from '../../helpers/imports.ts'
import { basic, form } from '../../helpers/oauth.ts'

/** A refresh token of Passport works by its encrypted text only, and under load as well. */

const FOLDER = 'passport12'
const { tokens, clients } = fixture(FOLDER)
type RefreshFixture = FixtureToken & { decrypted: { client_id: string; refresh_token_id: string } }
const genuine = tokens.filter(({ kind, expect }) => kind === 'refresh token' && expect.works) as RefreshFixture[]

async function imported(rig: ImportRig, key = { appKey: fixturePath(FOLDER, 'env') } as { appKey?: string }) {
  const options = { timeZone: 'Europe/Berlin', ...key }
  await importInto(rig.services, 'passport', fixturePath(FOLDER, `${FOLDER}.sql`), options)
}

function post({ server }: ImportRig, url: string, { decrypted }: RefreshFixture, params: Record<string, string>) {
  const id = decrypted.client_id
  const { secret } = Object.values(clients).find(({ db }) => String(db.id) === id)
  return secret === null
    ? form(server, url, { ...params, client_id: id })
    : form(server, url, params, basic(id, secret))
}

const refresh = (rig: ImportRig, token: RefreshFixture, text = token.plain) =>
  post(rig, '/oauth/token', token, { grant_type: 'refresh_token', refresh_token: text })

const revoke = (rig: ImportRig, token: RefreshFixture, text = token.plain) =>
  post(rig, '/oauth/revoke', token, { token: text })

t.test('the id of a row is no refresh token', async t => {
  const rig = await importRig(t)
  await imported(rig)
  for (const token of genuine) {
    const id = token.decrypted.refresh_token_id
    for (const text of [`passport refresh ${id}`, `refresh ${id}`, id]) {
      const answer = await refresh(rig, token, text)
      t.equal(answer.statusCode, 400, `${token.key} ${answer.body}`)
      t.equal(answer.json().error, 'invalid_grant', token.key)
      const seen = await post(rig, '/oauth/introspect', token, { token: text })
      t.not(seen.json().active, true, token.key)
      await revoke(rig, token, text)
    }
    t.equal((await refresh(rig, token)).statusCode, 200, `${token.key}: nothing revoked it`)
  }
})

t.test('refresh tokens that arrive together wait for one another', async t => {
  const rig = await importRig(t)
  await imported(rig)
  const answers = await Promise.all(genuine.map(token => refresh(rig, token)))
  t.strictSame(
    answers.map(({ statusCode }) => statusCode),
    genuine.map(() => 200),
  )
})

t.test('a revocation that arrives with others is not lost', async t => {
  const rig = await importRig(t)
  await imported(rig)
  for (const { statusCode } of await Promise.all(genuine.map(token => revoke(rig, token)))) t.equal(statusCode, 200)
  for (const token of genuine) t.equal((await refresh(rig, token)).statusCode, 400, token.key)
})

t.test('an administrator who revokes the access token ends the refresh token that came with it', async t => {
  const rig = await importRig(t)
  await imported(rig)
  const { db, tokenAdmin } = rig.services
  const bound = await db.query<{ id: string; source: string }>(
    `select t.access_token_id as id, r.source_id as source from oauth_imported_rows r
    join oauth_refresh_tokens t on t.id = r.row_id where r.kind = 'refresh' and not t.revoked`,
  )
  for (const { id } of bound) await tokenAdmin.revokeOne(id)
  t.strictSame(await db.query('select id from oauth_refresh_tokens where not revoked'), [])
  const ended = genuine.filter(({ decrypted }) => bound.some(({ source }) => source === decrypted.refresh_token_id))
  t.ok(ended.length > 0)
  for (const token of ended) t.equal((await refresh(rig, token)).statusCode, 400, token.key)
})

t.test('in a flood every request is answered, or may be repeated', async t => {
  const rig = await importRig(t)
  await imported(rig)
  const [token] = genuine as [RefreshFixture]
  const altered = `${token.plain.slice(0, -8)}00000000`
  const flood = Array.from({ length: 80 }, () => refresh(rig, token, altered))
  const revocation = revoke(rig, token)
  const answers = await Promise.all(flood)
  for (const { statusCode, headers, json } of answers) {
    if (statusCode === 503) t.match(headers, { 'retry-after': /^\d+$/ })
    else t.match(json(), { error: 'invalid_grant' })
  }
  t.ok(answers.some(({ statusCode }) => statusCode === 503))
  const revoked = await revocation
  if (revoked.statusCode === 503) t.equal((await refresh(rig, token)).statusCode, 200)
  else t.equal((await refresh(rig, token)).statusCode, 400)
})

t.test('a text that was not seen yet ends with the app of its user, or with everything of the user', async t => {
  const unseen = genuine.find(({ key }) => key === 'code-access-purged-refresh') as RefreshFixture
  const others = genuine.filter(token => token !== unseen)
  const rig = await importRig(t)
  const { db, signOut, authorizations, users } = rig.services
  await imported(rig, {})
  const [user, client] = await Promise.all(
    [
      ['user', `users/${unseen.expect.user_id ?? 2}`],
      ['client', unseen.decrypted.client_id],
    ].map(async ([kind, id]) => {
      const sql = 'select row_id as id from oauth_imported_rows where kind = ? and source_id = ?'
      return (await db.query<{ id: string }>(sql, [kind, id]))[0]?.id as string
    }),
  )
  const somebody = await users.create({ email: 'somebody@example.com', name: 'Somebody' })
  await signOut(somebody.id)
  const apps = `insert into oauth_consents (id, user_id, client_id, scopes, created_at, updated_at)
    select gen_random_uuid(), ?, id, '[]', now(), now() from oauth_clients where not personal_access`
  await db.query(apps, [user])
  const [other] = await db.query<{ id: string }>('select client_id as id from oauth_consents where client_id <> ?', [
    client,
  ])
  const unbound =
    "select 1 from oauth_imported_rows where kind = 'refresh' and row_id = '00000000-0000-0000-0000-000000000000'"
  t.ok((await db.query(unbound)).length > 0)
  await signOut(user as string)
  await imported(rig)
  t.equal((await refresh(rig, unseen)).statusCode, 400, 'it ended before its key was imported')
  t.ok((await db.query("delete from oauth_imported_rows where kind = 'ended' returning kind")).length > 0)
  await authorizations.withdraw(user as string, other?.id as string)
  for (const end of [() => authorizations.withdraw(user as string, client as string), () => signOut(user as string)]) {
    await end()
    t.equal((await refresh(rig, unseen)).statusCode, 400)
    // As if it had not been ended, for the next way.
    const ended = "delete from oauth_imported_rows where kind = 'ended' and source_id not like ? returning kind"
    t.equal((await db.query(ended, [`%/${other?.id}`])).length, 1)
  }
  t.equal((await refresh(rig, unseen)).statusCode, 200, 'neither another user nor another app ends it')
  t.ok(others.length > 0)
})
