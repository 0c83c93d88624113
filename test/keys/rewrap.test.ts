import { randomBytes } from 'node:crypto'
import { decodeProtectedHeader } from 'jose'
import t from 'tap'
import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import type { Database } from '../../src/database/database.ts'
import { createConsentForms } from '../../src/oauth/authorize-form.ts'
import { createSealedRequests } from '../../src/oauth/sealed.ts'
import { appKeyId } from '../../src/security/key-ring.ts'
import { createServices, type Services } from '../../src/services.ts'
import type { SignedIn } from '../../src/users/sessions.ts'
import { createCsrfTokens } from '../../src/web/csrf-tokens.ts'
import { actingAs, CATALOGUE, ISSUER, newUser, APP_KEY as OLD } from '../helpers/app.ts'
import { openTestDatabase } from '../helpers/database.ts'
import { bearer, requester } from '../helpers/requester.ts'

const NEW = randomBytes(32).toString('base64')
const SECRET_OF_SOURCE = 'the key of Laravel'
type Test = { teardown(work: () => unknown): void }

/** A deployment, whose nodes share a database in this process. */
async function deployment(t: Test) {
  const db = await openTestDatabase(t)
  t.teardown(() => db.close())
  async function node(appKey: string, appKeyPrevious: string[] = [], own: Database = db) {
    const config = { ...loadConfig({ APP_KEY: appKey, ISSUER, LOG_LEVEL: 'silent' }), appKeyPrevious }
    const services = await createServices({ config, catalogue: CATALOGUE, db: { ...own, close: async () => {} } })
    t.teardown(() => services.close())
    await services.ensure()
    return { services, app: await createApp(services) }
  }
  return { db, node }
}

const SESSION = { session: { id: '0198a5c5-0000-7000-8000-000000000001' } } as SignedIn
const CLIENT = { id: '0198a5c5-0000-7000-8000-000000000002' } as never
const EMAIL = 'ada@example.com'

/** What a node gives to browsers and apps. */
async function handOut({ keyRing, deviceCookies, signInStates }: Services) {
  const csrf = createCsrfTokens(keyRing)
  const secret = csrf.newSecret()
  return {
    sealed: await createSealedRequests(keyRing).seal(CLIENT, { state: 'x' }, 600, true),
    form: await createConsentForms(keyRing).seal({ query: '?a', scopes: [] }, SESSION),
    device: deviceCookies.issue(EMAIL),
    signIn: (await signInStates.begin({ key: 'a', next: undefined, confirms: undefined })).cookie,
    csrf: { secret, text: csrf.create(secret, 'nobody') },
  }
}

async function accepts({ keyRing, deviceCookies, signInStates }: Services, given: Awaited<ReturnType<typeof handOut>>) {
  const { secret, text } = given.csrf
  return {
    sealed: (await createSealedRequests(keyRing).open(given.sealed)) !== undefined,
    form: await createConsentForms(keyRing)
      .open(given.form, SESSION)
      .then(({ current }) => current)
      .catch(() => false),
    device: deviceCookies.read(given.device, EMAIL) !== undefined,
    signIn: (await signInStates.read(given.signIn, 'a')) !== undefined,
    csrf: createCsrfTokens(keyRing).verify(secret, text, 'nobody'),
  }
}

const ALL = { sealed: true, form: true, device: true, signIn: true, csrf: true }
const NONE = { sealed: false, form: false, device: false, signIn: false, csrf: false }

async function addSource({ db, keyRing }: Services): Promise<void> {
  const { encryptSourceKey } = await import('../../src/imported/refresh-texts.ts')
  await db.query(
    `insert into oauth_import_sources (name, system, keys, encrypted_key, scopes_of_text, created_at, updated_at)
     values ('passport', 'passport', '[]', ?, false, now(), now())`,
    [await encryptSourceKey(keyRing, SECRET_OF_SOURCE)],
  )
}

/** Every text in the database that is encrypted with APP_KEY, by its column. */
async function encryptedTexts(db: Database): Promise<{ column: string; appKey: unknown }[]> {
  const columns = await db.query<{ table: string; column: string }>(
    `select table_name as table, column_name as column from information_schema.columns
     where table_schema = 'public' and data_type in ('text', 'character varying', 'jsonb')`,
  )
  const found: { column: string; appKey: unknown }[] = []
  for (const { table, column } of columns) {
    const rows = await db.query<{ text: string }>(
      `select (regexp_matches("${column}"::text, 'eyJ[\\w-]+\\.\\.[\\w-]+\\.[\\w-]+\\.[\\w-]+', 'g'))[1] as text from "${table}"`,
    )
    found.push(...rows.map(row => ({ column: `${table}.${column}`, appKey: decodeProtectedHeader(row.text).app_key })))
  }
  return found
}

const opens = async (app: Parameters<typeof requester>[0], token: string) =>
  (await requester(app, bearer(token)).get('/api/user')).statusCode

t.test('APP_KEY changes while nodes with both keys run: everything that was given out goes on working', async t => {
  const { db, node } = await deployment(t)
  const first = await node(OLD)
  const user = await newUser(first.services)
  const issued = [await actingAs(first.services, [], { user })]
  const before = await handOut(first.services)
  await addSource(first.services)

  const second = await node(NEW, [OLD])
  t.equal(second.services.keyRing.active.text, OLD, 'before the rewrap, the new key is only known')
  const during = await handOut(second.services)
  t.strictSame(
    await accepts(first.services, during),
    ALL,
    'a node that has only the old key accepts what the others write',
  )
  t.strictSame(await accepts(second.services, before), ALL)
  issued.push(await actingAs(second.services, [], { user }))
  t.equal(await opens(first.app, issued[1]?.token as string), 200)
  await second.services.keys.rotate('EdDSA', { now: true })

  const report = await second.services.rewrap()
  t.match(report.rewrapped, { 'signing keys': 3, 'keys of status lists': Number, 'keys of import sources': 1 })
  const third = await node(NEW, [OLD])
  const after = await handOut(third.services)
  for (const each of [second, third]) {
    for (const given of [before, during, after]) t.strictSame(await accepts(each.services, given), ALL)
    for (const { token } of issued) t.equal(await opens(each.app, token), 200)
    t.equal(each.services.keyRing.active.text, NEW)
  }
  t.strictSame(
    (await second.services.rewrap()).rewrapped,
    Object.fromEntries(Object.keys(report.rewrapped).map(n => [n, 0])),
  )

  const last = await node(NEW)
  issued.push(await actingAs(last.services, [], { user }))
  for (const { token } of issued) t.equal(await opens(last.app, token), 200)
  t.strictSame(await accepts(last.services, after), ALL)
  t.strictSame(await accepts(last.services, before), NONE, 'without the previous key, what it protected has ended')
  const { decryptWith, fromBytes } = await import('../../src/security/encrypt.ts')
  const { sourceKeySecret } = await import('../../src/imported/refresh-texts.ts')
  const [source] = await db.query<{ encrypted_key: string }>('select encrypted_key from oauth_import_sources')
  const keys = last.services.keyRing.derive(sourceKeySecret)
  t.equal(fromBytes((await decryptWith(keys, source?.encrypted_key as string)).plain), SECRET_OF_SOURCE)
  await t.rejects(node(OLD), { name: 'StartupError', message: /^[^\n]*APP_KEY is not the key[^\n]*$/ })
  const texts = await encryptedTexts(db)
  t.ok(texts.length >= 6)
  for (const { column, appKey } of texts) t.equal(appKey, appKeyId(NEW), `${column} is encrypted with the new key`)
})

t.test('no two tokens get the same status reference, before and after the change', async t => {
  const { db, node } = await deployment(t)
  const expiresAt = new Date(Date.now() + 60_000)
  const given: string[] = []
  const take = async ({ indices }: Services) => {
    for (let i = 0; i < 700; i++) {
      const { list, index } = await indices.take(expiresAt)
      given.push(`${list} ${index}`)
    }
  }
  const old = (await node(OLD)).services
  await take(old)
  // As a node of the version before the column creates lists.
  await db.query('update oauth_status_lists set permutation_key = null')
  const both = (await node(NEW, [OLD])).services
  await take(both)
  await both.rewrap()
  await take(both)
  await take(old)
  await take((await node(NEW)).services)
  t.equal(new Set(given).size, given.length)
  t.ok(new Set(given.map(each => each.split(' ')[0])).size < 3, 'the lists go on')
})

t.test(
  'an interrupted change is completed by the next run, and no node starts without the previous key before',
  async t => {
    const { db, node } = await deployment(t)
    await node(OLD)
    let updates = 0
    const failing = {
      ...db,
      query: (sql: string, ...rest: []) =>
        sql.startsWith('update oauth_signing_keys') && ++updates > 1
          ? Promise.reject(new Error('killed'))
          : db.query(sql, ...rest),
    } as Database
    const { services } = await node(NEW, [OLD], failing)
    await t.rejects(services.rewrap(), { message: 'killed' })
    await t.rejects(node(NEW), { name: 'StartupError' })
    await t.rejects(node(OLD), { name: 'StartupError' })
    const again = await node(NEW, [OLD])
    const { token } = await actingAs(again.services)
    t.match(await again.services.rewrap(), { rewrapped: { 'signing keys': 1 } })
    t.equal(await opens((await node(NEW)).app, token), 200)
  },
)

t.test('an imported refresh token is found by the same hash after the change', async t => {
  const { loadRefreshHash } = await import('../../src/imported/refresh-hash.ts')
  const { db, node } = await deployment(t)
  const hashAt = async ({ keyRing }: Services) =>
    (await loadRefreshHash(db, keyRing))('passport', 'abc').toString('hex')
  const before = await hashAt((await node(OLD)).services)
  const { services } = await node(NEW, [OLD])
  t.equal(await hashAt(services), before)
  await services.rewrap()
  t.equal(await hashAt(services), before)
  t.equal(await hashAt((await node(NEW)).services), before)
})

t.test('nodes without the new key are named, and nothing changes', async t => {
  const { db, node } = await deployment(t)
  await node(OLD)
  const beat = (keys: string[] | null) =>
    db.query(
      `insert into nodes (id, name, sequence, hearing, readers, app_keys, seen_at)
       values ('0198a5c5-0000-7000-8000-000000000003', 'a.example:1', 0, true, '[]', ?::jsonb, clock_timestamp())
       on conflict (id) do update set app_keys = excluded.app_keys, seen_at = excluded.seen_at`,
      [keys && JSON.stringify(keys)],
    )
  const { services } = await node(NEW, [OLD])
  for (const keys of [null, [appKeyId(OLD)]]) {
    await beat(keys)
    await t.rejects(services.rewrap(), { name: 'StartupError', message: /a\.example:1/ })
    t.equal(services.keyRing.active.text, OLD)
  }
  await node(OLD)
  await beat([appKeyId(NEW), appKeyId(OLD)])
  t.match(await services.rewrap(), { active: appKeyId(NEW) })
})
