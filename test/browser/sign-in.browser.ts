import assert from 'node:assert/strict'
import { newUser, PASSWORD } from '../helpers/app.ts'
import { listeningIssuer } from '../helpers/issuer.ts'
import { mailSettings, openMailServer } from '../helpers/mail.ts'
import { OIDC_CLIENT, openProvider } from '../helpers/openid-provider.ts'
import { freePort } from '../helpers/port.ts'
import { PROFILES, walk } from './profiles.ts'
import { teardown } from './setup.ts'
import type { Visitor } from './visitor.ts'

const t = { teardown }
const port = await freePort()
const origin = `http://127.0.0.1:${port}`
const provider = await openProvider(t, [`${origin}/oidc/callback`])
const absent = await openProvider(t, [`${origin}/oidc/callback/2`])
absent.state = 'break'
const PROVIDER = {
  ...OIDC_CLIENT,
  privateKey: undefined,
  scopes: 'openid profile email',
  provision: 'jit',
  link: 'none',
}
const mailServer = await openMailServer(t)
const oidc = [
  { ...PROVIDER, key: '1', issuer: provider.issuer, label: 'Example', admins: undefined },
  { ...PROVIDER, key: '2', issuer: absent.issuer, label: 'Absent', admins: undefined },
]
const { services } = await listeningIssuer(t, { oidc, ...mailSettings(mailServer) } as never, '127.0.0.1', port)
const delivery = services.mail.start(services.composeMail)
teardown(() => delivery.close())

const nextLink = async (to: string) => /http\S+/.exec((await mailServer.take(to)).text ?? '')?.[0] ?? ''
/** One person sits in front of the provider at a time. */
const inTurn = PROFILES.filter(({ name }) => name === 'desktop-dark')

walk(
  'somebody signs in by a provider, goes back, confirms there, and is signed out by the provider',
  async visitor => {
    provider.person = 'ada'
    provider.claims.ada = { name: 'Ada Lovelace', email: 'ada@example.com', email_verified: true }
    await visitor.goto('/apps')
    await visitor.go('Continue with Absent')
    await visitor.sees('Absent does not respond at the moment')
    await visitor.go('Continue with Example')
    assert.equal(new URL(visitor.page.url()).pathname, '/apps', 'where the person wanted to go')
    await visitor.sees('Ada Lovelace')
    await visitor.page.goBack()
    await visitor.goto('/account')
    assert.equal(await visitor.reads('E-mail address'), 'ada@example.com', 'still signed in')
    await services.db.query(
      `update sessions set created_at = created_at - interval '1 hour', proved_at = proved_at - interval '1 hour'
       where user_id = (select user_id from user_identities where issuer = ? and subject = 'ada')`,
      [provider.issuer],
    )
    await visitor.goto('/apps/own/new')
    await visitor.fill('Name', 'Parcels')
    await visitor.fill('Redirect URIs', 'https://parcels.example/cb')
    await visitor.go('Create app')
    await visitor.checkPage('confirm-by-provider')
    await visitor.go('Continue with Example')
    await visitor.checkPage('confirm-resume')
    await visitor.go('Continue')
    await visitor.sees('Parcels')
    const now = Math.floor(Date.now() / 1000)
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
    const claims = { iss: provider.issuer, aud: OIDC_CLIENT.clientId, sub: 'ada', jti: 'x', events }
    const logout_token = await provider.sign({ ...claims, iat: now, exp: now + 60 }, { typ: 'logout+jwt' })
    const body = new URLSearchParams({ logout_token })
    assert.equal((await fetch(`${origin}/oidc/backchannel-logout`, { method: 'POST', body })).status, 200)
    await visitor.goto('/account')
    assert.equal(new URL(visitor.page.url()).pathname, '/login', 'the open page has no session any more')
    absent.state = 'ok'
    const begun = await visitor.page.request.get(`${origin}/login/oidc/1`, { maxRedirects: 0 })
    const back = await provider.walk(begun.headers().location as string)
    // As if the other provider had made the browser take it there (RFC 9700, mix-up attack).
    await visitor.goto(`/oidc/callback/2${back.search}`)
    await visitor.sees('This sign-in has expired. Try again.')
    await visitor.goto('/account')
    assert.equal(new URL(visitor.page.url()).pathname, '/login', 'a code of one provider is not taken to another')
    assert.ok(!absent.requests.includes('/token'), 'nor sent there')
  },
  inTurn,
  origin,
)

walk(
  'the pages of a forgotten password, an invitation and a new address',
  async visitor => {
    const { email } = await services.users.create({
      email: `reset-${visitor.eyes.name}@example.com`,
      name: 'Ada',
      password: PASSWORD,
    })
    await visitor.goto('/login')
    await visitor.checkPage('sign-in-by-provider')
    await visitor.go('Forgot your password?')
    await visitor.checkPage('forgot-password')
    await visitor.fill('E-mail address', email)
    await visitor.go('Send link')
    await visitor.checkPage('forgot-password-sent')
    await choose(visitor, await nextLink(email), 'reset-password')
    await visitor.signIn({ email }, `${PASSWORD} 2`)
    await visitor.goto('/account')
    await visitor.sees('Ada')

    const invited = `invited-${visitor.eyes.name}@example.com`
    await services.accountMail.invite({ email: invited, name: 'Grace' })
    await choose(visitor, await nextLink(invited), 'invitation')

    const other = await newUser(services)
    const peer = { address: `127.0.1.${PROFILES.indexOf(visitor.eyes) + 1}`, shared: false }
    const address = `new-${visitor.eyes.name}@example.com`
    await services.accountMail.changeProfile(other.id, { email: address }, peer)
    const confirm = await nextLink(address)
    await visitor.goto(confirm)
    await visitor.signIn(other)
    await visitor.checkPage('confirm-email')
    await visitor.go('Use this address')
    assert.equal(await visitor.reads('E-mail address'), address)
  },
  PROFILES,
  origin,
)

async function choose(visitor: Visitor, link: string, name: string) {
  await visitor.goto(link)
  await visitor.checkPage(name)
  await visitor.fill('New password', `${PASSWORD} 2`)
  await visitor.fill('Confirm new password', `${PASSWORD} 2`)
  await visitor.go('Save password')
  await visitor.goto('/login')
}
