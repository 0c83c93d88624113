import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { actingAs, testApp } from '../helpers/app.ts'
import { authorizeUrl, Browser, pkce } from '../helpers/browser.ts'
import { ask, poll, television } from '../helpers/device.ts'
import { opens } from '../helpers/granted-tokens.ts'
import { basic, form } from '../helpers/oauth.ts'
import { type Requester, requester } from '../helpers/requester.ts'

/** What somebody ends over HTTP, and everything that has to end with it. */

const CALLBACK = 'https://app.example/cb'
const CHANGED = 'another good password'
const { app, services } = await testApp(t)
const admin = requester(app, (await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })).headers)

/** A person with all that can be alive of them: sessions, a personal token, an app that they let in, a code it has. */
async function person() {
  const { user, token: personal, headers } = await actingAs(services, ['*'])
  const { client, secret } = await services.clients.create({ name: 'App', redirectUris: [CALLBACK] })
  const browser = new Browser(app)
  await browser.signIn(user)
  const by = basic(client.id, secret)
  const given = async () => {
    const { verifier, challenge } = pkce()
    const location = await browser.approve(authorizeUrl(client, { prompt: 'consent', challenge }))
    const code = location.searchParams.get('code') as string
    return { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: verifier }
  }
  const waiting = await given()
  const tokens = (await form(app, '/oauth/token', await given(), by)).json()
  const outcome = ({ statusCode, json }: LightMyRequestResponse) => (statusCode === 200 ? 200 : json().error)
  return {
    user,
    client,
    me: requester(app, headers),
    alive: async () => ({
      session: (await browser.get('/account')).statusCode,
      sessionAtTheApi: (await app.inject({ url: '/api/user', cookies: Object.fromEntries(browser.cookies) }))
        .statusCode,
      personal: await opens(app, personal),
      access: await opens(app, tokens.access_token),
    }),
    code: async () => outcome(await form(app, '/oauth/token', waiting, by)),
    refresh: async () =>
      outcome(
        await form(app, '/oauth/token', { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }, by),
      ),
    introspected: async () => (await form(app, '/oauth/introspect', { token: tokens.access_token }, by)).json(),
  }
}
type Person = Awaited<ReturnType<typeof person>>

const ALL = { session: 200, sessionAtTheApi: 200, personal: 200, access: 200 }
const SIGNED_OUT = { session: 303, sessionAtTheApi: 401 }
const INACTIVE = { active: false }

const done = (answer: LightMyRequestResponse) => {
  if (answer.statusCode >= 300) throw new Error(`${answer.statusCode} ${answer.body}`)
}
const ends = async (by: (ending: Person, who: Requester) => Promise<LightMyRequestResponse>) => {
  const [ending, bystander] = [await person(), await person()]
  t.strictSame(await ending.alive(), ALL)
  done(await by(ending, ending.me))
  t.strictSame(await bystander.alive(), ALL, 'nobody else loses anything')
  return ending
}

t.test('disabling a user ends all tokens and sessions, and enabling restores no session', async t => {
  const gone = await ends(({ user }) => admin.post(`/admin/users/${user.id}/disable`))
  t.strictSame(await gone.alive(), { ...SIGNED_OUT, personal: 401, access: 401 })
  t.strictSame([await gone.code(), await gone.refresh()], ['invalid_grant', 'invalid_grant'])
  t.strictSame(await gone.introspected(), INACTIVE)
  done(await admin.post(`/admin/users/${gone.user.id}/enable`))
  t.strictSame(await gone.alive(), { ...SIGNED_OUT, personal: 200, access: 200 })
})

t.test('signing a user out everywhere ends all tokens and sessions', async t => {
  const gone = await ends(({ user }) => admin.post(`/admin/users/${user.id}/sign-out`))
  t.strictSame(await gone.alive(), { ...SIGNED_OUT, personal: 401, access: 401 })
  t.strictSame([await gone.code(), await gone.refresh()], ['invalid_grant', 'invalid_grant'])
})

t.test('a new password ends the sessions, whether the user or an administrator sets it', async t => {
  const setters: [string, Parameters<typeof ends>[0]][] = [
    ['an administrator', ({ user }) => admin.patch(`/admin/users/${user.id}`, { password: CHANGED })],
    [
      'the user',
      (_, me) => me.put('/api/user/password', { current_password: 'correct horse battery', password: CHANGED }),
    ],
  ]
  for (const [who, set] of setters) {
    const changed = await ends(set)
    t.match(await changed.alive(), { ...SIGNED_OUT, personal: 200 }, who)
    t.equal((await new Browser(app).signIn(changed.user)).statusCode, 401, 'the old one opens nothing')
    t.equal((await new Browser(app).signIn(changed.user, CHANGED)).statusCode, 303)
  }
})

t.test('revoking a client revokes its tokens, and nothing else', async t => {
  const gone = await ends(({ client }) => admin.delete(`/admin/clients/${client.id}`))
  t.strictSame(await gone.alive(), { ...ALL, access: 401 })
  t.strictSame([await gone.code(), await gone.refresh()], ['invalid_client', 'invalid_client'])
  const { client: gateway, secret } = await services.clients.create({
    name: 'Gateway',
    audience: services.config.audience,
  })
  t.equal((await form(app, '/oauth/introspect', { token: 'x' }, basic(gateway.id, secret))).statusCode, 200)
})

t.test('revoking the access of an app revokes its tokens, and requires new consent', async t => {
  const gone = await ends(({ client }, me) => me.delete(`/api/authorizations/${client.id}`))
  t.strictSame(await gone.alive(), { ...ALL, access: 401 })
  t.strictSame([await gone.code(), await gone.refresh()], ['invalid_grant', 'invalid_grant'])
  t.strictSame(await gone.introspected(), INACTIVE)
  const browser = new Browser(app)
  await browser.signIn(gone.user)
  t.equal((await browser.get(authorizeUrl(gone.client))).statusCode, 200)
})

t.test('access of a device can be revoked before it gets its token', async t => {
  const { user, me } = await person()
  const tv = await television(services)
  const waiting = (await ask(app, tv)).json()
  const browser = new Browser(app)
  await browser.signIn(user)
  const page = await browser.get(`/device?user_code=${waiting.user_code}`)
  done(await browser.submit(page, { decision: 'approve' }, /device$/))
  done(await me.delete(`/api/authorizations/${tv.client.id}`))
  t.match((await poll(app, tv, waiting)).json(), { error: 'access_denied' })
})

t.test('a user is changed as a whole or not at all', async t => {
  const { user } = await actingAs(services)
  const other = await actingAs(services)
  const refused = [
    { password: CHANGED, email: other.user.email },
    { password: CHANGED, name: '  ' },
    { password: 'short', name: 'Changed' },
  ]
  for (const change of refused) {
    t.equal((await admin.patch(`/admin/users/${user.id}`, change)).statusCode, 422, JSON.stringify(change))
  }
  t.match((await admin.get(`/admin/users/${user.id}`)).json(), { data: { name: 'Ada Lovelace', email: user.email } })
  t.equal((await new Browser(app).signIn(user)).statusCode, 303, 'with the password as it was')
})
