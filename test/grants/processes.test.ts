import { createHash, randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { issueCode } from '../../src/grants/codes.ts'
import { DEVICE_CODE } from '../../src/grants/device-grant.ts'
import { openDatabase } from '../../src/open-database.ts'
import { createServices } from '../../src/services.ts'
import { APP_KEY, CATALOGUE, ISSUER, newUser } from '../helpers/app.ts'
import { testDatabase } from '../helpers/database.ts'
import { grantAccess, opens } from '../helpers/granted-tokens.ts'
import { basic } from '../helpers/oauth.ts'
import { launch } from '../helpers/process.ts'

/** Two hundred in all. */
const ROUNDS = 67
const AT_ONCE = 20
const CALLBACK = 'https://app.example/cb'
const where = await testDatabase(t)
if (!where.databaseUrl) {
  t.pass('the embedded database belongs to one process: there is nothing to race with')
  process.exit()
}

const config = { ...loadConfig({ APP_KEY, ISSUER, LOG_LEVEL: 'silent' }) }
const services = await createServices({ config, catalogue: CATALOGUE, db: await openDatabase(where) })
t.teardown(() => services.close())
await services.ensure()
const app = await createApp(services)
const user = await newUser(services)
const { client, secret } = await services.clients.create({
  name: 'Calendar',
  redirectUris: [CALLBACK],
  grantTypes: ['authorization_code', 'refresh_token', DEVICE_CODE],
})
const headers = basic(client.id, secret)

const scopesFile = join(t.testdir({ 'scopes.json': JSON.stringify(CATALOGUE) }), 'scopes.json')

async function server() {
  const launched = await launch(t, { DATABASE_URL: where.databaseUrl, APP_KEY, ISSUER, SCOPES_FILE: scopesFile })
  await launched.ready
  return launched
}

const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
t.teardown(() => agent.destroy())

interface Answer {
  status: number
  body: { error?: string; access_token: string; refresh_token: string }
}

/** @returns undefined when the server went before it answered */
function redeem(url: string, fields: Record<string, string>, as = headers): Promise<Answer | undefined> {
  const { promise, resolve } = Promise.withResolvers<Answer | undefined>()
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  const sent = request(`${url}/oauth/token`, { method: 'POST', agent, headers: { ...type, ...as } }, async answer => {
    const body = await text(answer).catch(() => undefined)
    resolve(body === undefined ? undefined : { status: answer.statusCode as number, body: JSON.parse(body) })
  })
  sent.on('error', () => resolve(undefined))
  sent.end(new URLSearchParams(fields).toString())
  return promise
}

async function code(): Promise<Record<string, string>> {
  const verifier = randomBytes(32).toString('base64url')
  const codeChallenge = createHash('sha256').update(verifier).digest('base64url')
  const given = { user: user.id, client: client.id, redirectUri: CALLBACK, scopes: ['orders:read'], audience: null }
  const issued = await services.db.transaction(em => issueCode(em, { ...given, codeChallenge }, 60))
  return { grant_type: 'authorization_code', code: issued, redirect_uri: CALLBACK, code_verifier: verifier }
}

async function deviceCode(): Promise<Record<string, string>> {
  const waiting = await services.device.start({ client, params: { scope: 'orders:read' } })
  const found = await services.device.find(waiting.user_code, { address: '127.0.0.1', shared: false })
  await services.device.approve(found?.id ?? '', user)
  return { grant_type: DEVICE_CODE, device_code: waiting.device_code }
}

async function refreshToken() {
  const granted = await grantAccess(services, user)
  return { fields: { grant_type: 'refresh_token', refresh_token: granted.refreshToken }, as: granted.headers }
}

t.test('twenty at once over two processes: one of them gets tokens', async t => {
  const urls = (await Promise.all([server(), server()])).map(one => one.url)
  const kinds = {
    code: async () => ({ fields: await code(), as: headers }),
    'device code': async () => ({ fields: await deviceCode(), as: headers }),
    'refresh token': refreshToken,
  }
  for (const [kind, make] of Object.entries(kinds)) {
    const winners: number[] = []
    const losers = new Set<string>()
    for (let round = 0; round < ROUNDS; round++) {
      const { fields, as } = await make()
      const answers = await Promise.all(
        Array.from({ length: AT_ONCE }, (_, i) => redeem(urls[i % 2] as string, fields, as)),
      )
      winners.push(answers.filter(answer => answer?.status === 200).length)
      for (const answer of answers) if (answer?.status !== 200) losers.add(`${answer?.status} ${answer?.body.error}`)
    }
    t.strictSame(
      winners,
      winners.map(() => 1),
      `${kind}: one winner in each of ${ROUNDS} rounds`,
    )
    t.strictSame([...losers], ['400 invalid_grant'])
  }
})

t.test('a process killed at work leaves nothing half done', async t => {
  const each = await Promise.all(Array.from({ length: 200 }, code))
  const doomed = await server()
  const answers: Promise<Answer | undefined>[] = []
  const first = Promise.withResolvers<void>()
  for (const fields of each) {
    const answer = redeem(doomed.url, fields)
    answer.then(() => first.resolve())
    answers.push(answer)
  }
  await first.promise
  doomed.kill('SIGKILL')
  const answered = (await Promise.all(answers)).filter(answer => answer !== undefined)
  t.ok(answered.length < each.length, 'it was in the middle of it')
  for (const { status, body } of answered) {
    t.equal(status, 200)
    t.equal(await opens(app, body.access_token), 200, 'what was answered holds')
  }
  const [count] = await services.db.query<Record<string, number>>(
    `select count(*) filter (where c.used_at is not null)::int as used,
       count(*) filter (where a.id is not null)::int as access,
       count(*) filter (where r.id is not null)::int as refresh,
       count(*) filter (where (c.used_at is null) <> (a.id is null) or (a.id is null) <> (r.id is null))::int as half
     from oauth_auth_codes c
     left join oauth_access_tokens a on a.grant_id = c.id
     left join oauth_refresh_tokens r on r.grant_id = c.id
     where encode(c.hash, 'hex') in (select jsonb_array_elements_text(?::jsonb))`,
    [JSON.stringify(each.map(({ code = '' }) => createHash('sha256').update(code).digest('hex')))],
  )
  t.equal(count?.half, 0, 'a code is used, with an access token and a refresh token, or it is not')
  t.ok((count?.used ?? 0) >= answered.length)
  const [audit] = await services.db.query<{ n: number }>(
    `select count(*)::int as n from oauth_access_tokens t
     where grant_id is not null and not exists (select from audit_events e where e.token_id = t.id)`,
  )
  t.equal(audit?.n, 0, 'and each token has its line in the trail')

  const next = await server()
  const again = await Promise.all(each.map(fields => redeem(next.url, fields)))
  t.equal(
    again.filter(answer => answer?.status === 200).length,
    each.length - (count?.used ?? 0),
    'the rest is redeemed',
  )
})
