import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { openServices } from '../../src/open-services.ts'
import { commandLine } from '../cli/postern.ts'
import { actingAs, PASSWORD } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { guide, openTerminal } from '../helpers/guide.ts'
import { appAt } from '../helpers/http-app.ts'
import { freePort } from '../helpers/port.ts'

/** The guides for those who build apps, as they are written, on one server. */

const ports = [await freePort(), await freePort()] as const
const [issuer, home] = ports.map(port => `http://localhost:${port}`) as [string, string]
const { env } = await commandLine(t)
const readme = guide('README.md')
const commandLines = guide('docs/command-lines.md', {
  'https://id.example.com': issuer,
  // The package is not built here; the module of the same name stands in for it.
  "'postern-guard/login'": "'postern/guard/login'",
})

// What the command line does before the server runs.
const operator = openTerminal(t, env)
await operator.run(readme.commands('postern user create --email ada@example.com'))
const created = await operator.run(commandLines.commands('postern client create --name "Orders"'))

const services = await openServices(loadConfig({ ...env, PORT: String(ports[0]) }))
const app = await createApp(services)
t.teardown(() => app.close())
await app.listen({ port: ports[0] })
const ada = await services.users.findByEmail('ada@example.com')
if (!ada) throw new Error('the README creates no user')
const browser = new Browser(app)
await browser.signIn(ada, PASSWORD)
const path = (url: string) => url.slice(new URL(url).origin.length)

t.test('docs/first-app.md', async t => {
  const { commands, files, unused } = guide('docs/first-app.md', {
    'http://localhost:3000': issuer,
    'http://localhost:4000': home,
    'listen(4000': `listen(${ports[1]}`,
  })
  const terminal = openTerminal(t)
  await terminal.run(commands('/api/clients'))
  await terminal.run(commands('npm install'))
  writeFileSync(join(terminal.folder, 'app.mjs'), files['app.mjs'] as string)
  await terminal.start(commands('node app.mjs'), /Open http/)
  t.strictSame(unused(), [])

  const user = new Browser(appAt(home))
  const page = async () => (await user.get('/')).body
  t.match(await page(), 'Sign in')
  const asked = String((await user.get('/sign-in')).headers.location)
  const back = path((await browser.approve(path(asked))).href)
  t.match((await new Browser(appAt(home)).get(back)).body, 'Not signed in', 'another browser cannot use the code')
  t.equal((await user.get(back)).statusCode, 303)
  t.match(await page(), 'Signed in as ada@example.com')

  const { client_id } = JSON.parse(readFileSync(join(terminal.folder, 'app.json'), 'utf8')).data
  const issued = 'select id from oauth_access_tokens where client_id = ?'
  const [accessToken] = await services.db.query<{ id: string }>(issued, [client_id])
  await services.revokeToken((accessToken as { id: string }).id)
  t.match(await page(), 'Signed in as ada@example.com', 'the app uses its refresh token')
  const { headers } = await actingAs(services, ['clients:write'], { user: ada })
  await fetch(`${issuer}/api/authorizations/${client_id}`, { method: 'DELETE', headers })
  t.match(await page(), 'Not signed in: invalid_grant', 'the user has revoked the access')
  t.match(await page(), 'Sign in')
})

t.test('docs/command-lines.md', async t => {
  const { commands, files, unused } = commandLines
  const terminal = openTerminal(t, { BROWSER: 'true' })
  const signIn = async (code: string) => {
    const { printed, ended } = await terminal.start(code, /http\S+\/oauth\/authorize\?\S+/)
    await (await fetch(await browser.approve(path(printed)))).text()
    return ended
  }
  const own = await signIn(commands('postern whoami'))
  t.match(own, `Signed in at ${issuer} with `)
  t.match(own, `Ada <ada@example.com> at ${issuer}`)
  t.match(own, `Signed out at ${issuer}.`)

  const id = /client_id +(\S+)/.exec(created)?.[1] as string
  const code = (files['orders.mjs'] as string).replace('CLIENT_ID', id)
  writeFileSync(join(terminal.folder, 'orders.mjs'), code)
  t.match(await signIn(commands('node orders.mjs login')), /^Ada$/m)
  t.strictSame(unused(), [])
})

t.test('docs/own-users.md', async t => {
  const { commands, unused } = guide('docs/own-users.md', { 'https://id.example.com': issuer })
  const admin = await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })
  const answer = await openTerminal(t, { ADMIN_TOKEN: admin.token }).run(commands('/admin/users/by-subject/42/tokens'))
  t.match(JSON.parse(answer), { data: { name: 'ci', scopes: ['orders:read'] }, token: /\w/ })
  t.strictSame(unused(), [])
})
