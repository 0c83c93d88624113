import { readFileSync } from 'node:fs'
import t from 'tap'
import { loadConfig } from '../../src/config/config.ts'
import { APP_KEY, ISSUER, newUser, testApp } from '../helpers/app.ts'
import { Browser, locationOf } from '../helpers/browser.ts'
import { OIDC_CLIENT, openProvider } from '../helpers/openid-provider.ts'

const README = readFileSync(`${import.meta.dirname}/../../README.md`, 'utf8')
const SECTION = README.slice(README.indexOf('## Sign-in by an OpenID provider'))
/** The variables of the first example. */
const VARIABLES = Object.fromEntries(
  [...(/```sh\n(.*?)```/s.exec(SECTION)?.[1] ?? '').matchAll(/^export (\w+)=(\S+)/gm)].map(([, name, value]) => [
    name as string,
    value as string,
  ]),
)

t.test('five variables of the README connect a provider', async t => {
  t.strictSame(Object.keys(VARIABLES).length, 5)
  t.match(SECTION, '<ISSUER>/oidc/callback')
  const provider = await openProvider(t, [`${ISSUER}/oidc/callback`])
  // What the example leaves to the reader: the provider, and the secret that it gave out.
  const given = { OIDC_ISSUER: provider.issuer, OIDC_CLIENT_SECRET: OIDC_CLIENT.clientSecret }
  t.equal(VARIABLES.OIDC_CLIENT_ID, OIDC_CLIENT.clientId)
  const { oidc, passwords } = loadConfig({ APP_KEY, ISSUER, LOG_LEVEL: 'silent', ...VARIABLES, ...given })
  const { app, services } = await testApp(t, { oidc, passwords })
  const browser = new Browser(app)
  const page = await browser.get('/login')
  t.match(page.body, `Continue with ${new URL(provider.issuer).host}`)
  provider.claims.ada = { name: 'Ada Lovelace', email: 'ada@example.com', email_verified: true }
  const back = await provider.walk(String((await browser.get('/login/oidc/1')).headers.location))
  const answer = await browser.get(back.pathname + back.search)
  t.equal(locationOf(answer).pathname, '/tokens', answer.body)
  t.match(await services.users.findByEmail('ada@example.com'), { name: 'Ada Lovelace', role: 'user' })
  t.equal(
    (await new Browser(app).signIn(await newUser(services))).statusCode,
    401,
    'the others sign in by the provider',
  )
  t.equal((await new Browser(app).signIn(await newUser(services, 'admin'))).statusCode, 303)
})
