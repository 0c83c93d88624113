import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { newUser, PASSWORD } from '../helpers/app.ts'
import { guide, openTerminal } from '../helpers/guide.ts'
import { listeningIssuer } from '../helpers/issuer.ts'
import { freePort } from '../helpers/port.ts'
import { browser } from './setup.ts'

const catalogue = JSON.parse(readFileSync(join(import.meta.dirname, '../../scopes.json'), 'utf8'))
const closers: (() => unknown)[] = []
const teardown = (work: () => unknown) => closers.push(work)
after(async () => {
  for (const close of closers.reverse()) await close()
})

/** An origin that nobody named. */
async function stranger(): Promise<string> {
  const server = createServer((_request, response) => response.setHeader('content-type', 'text/html').end('<title>x'))
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  teardown(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** docs/single-page-app.md as it is written: a server that allows the app, and the app. */
async function startApp() {
  const appPort = await freePort()
  const origin = `http://localhost:${appPort}`
  const { issuer, services } = await listeningIssuer({ teardown }, { corsOrigins: [origin], catalogue })
  const addresses = {
    'http://localhost:3000': issuer,
    'http://localhost:4000': origin,
    'listen(4000': `listen(${appPort}`,
  }
  const { commands, files, unused } = guide('docs/single-page-app.md', addresses)
  assert.equal(commands('npm start'), `export CORS_ORIGINS=${origin}\nnpm start\n`)
  await newUser(services, 'user', 'ada@example.com')
  const terminal = openTerminal({ teardown })
  const id = (await terminal.run(commands('/api/clients'))).trim().split('\n').at(-1) as string
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(terminal.folder, name), content.replace('CLIENT_ID', id))
  }
  await terminal.start(commands('node serve.mjs'), /Open http/)
  assert.deepEqual(unused(), [])
  return { origin, issuer, services, id }
}

test('a single-page app on another origin signs in, refreshes, revokes, and creates a token', async () => {
  const { origin, issuer, services, id } = await startApp()
  const context = await browser.newContext()
  const page = await context.newPage()
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
  const says = (text: string) => page.getByText(text, { exact: true }).waitFor()
  const responses: { access_token?: string; refresh_token?: string }[] = []
  page.on('response', async response => {
    if (response.url().endsWith('/oauth/token')) responses.push(await response.json())
  })

  await page.goto(`${origin}/?state=forged&code=forged`)
  await says('Failed: not requested by this tab')
  await press('Sign in')
  await page.getByLabel('E-mail address').fill('ada@example.com')
  await page.getByLabel('Password').fill(PASSWORD)
  await press('Sign in')
  await press('Cancel')
  await says('Failed: access_denied')
  await press('Sign in')
  await press('Authorize')
  await says('Signed in')
  await press('Load my name')
  await says('You are Ada Lovelace')

  const issued = 'select id from oauth_access_tokens where client_id = ?'
  const [accessToken] = await services.db.query<{ id: string }>(issued, [id])
  await services.revokeToken((accessToken as { id: string }).id)
  await Promise.all([page.waitForResponse(`${issuer}/oauth/token`), press('Load my name')])
  await says('You are Ada Lovelace')
  await press('Sign out')
  await says('Signed out')
  assert.equal(responses.length, 2, 'it refreshed once')

  /** What a script of the page gets. */
  const send = (url: string, init: object = {}) =>
    page.evaluate(
      ([url, init]) =>
        fetch(url, init).then(
          async response => ({
            got: `${response.status}`,
            body: (await response.json().catch(() => ({}))) as { error?: string; token?: string },
            challenge: response.headers.get('www-authenticate'),
          }),
          error => ({ got: error.name as string, body: undefined, challenge: null }),
        ),
      [url, init] as const,
    )
  const got = async (path: string, init: object = {}) => (await send(issuer + path, init)).got
  const bearer = (token: unknown) => ({ headers: { authorization: `Bearer ${token}` } })
  const refused = await send(`${issuer}/api/tokens/current`, bearer(responses[1]?.access_token))
  assert.equal(refused.got, '401')
  assert.match(String(refused.challenge), /error="invalid_token"/, 'the script reads the challenge')
  const form = { grant_type: 'refresh_token', client_id: id, refresh_token: responses[1]?.refresh_token }
  const body = new URLSearchParams(form as Record<string, string>).toString()
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  const error = await send(`${issuer}/oauth/token`, { method: 'POST', headers: type, body })
  assert.deepEqual([error.got, error.body?.error], ['400', 'invalid_grant'], 'and errors of the protocol')

  const created = await send(`${issuer}/api/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'ada@example.com', password: PASSWORD, device_name: 'app' }),
  })
  const personal = bearer(created.body?.token)
  assert.equal(await got('/api/tokens/current', personal), '200')
  assert.equal(await got('/admin/users', personal), 'TypeError', 'administration is for no other origin')
  assert.equal(await got('/tokens'), 'TypeError', 'nor are pages')
  assert.equal(await got('/api/session', { credentials: 'include' }), 'TypeError', 'nor anything with cookies')
  await page.goto(await stranger())
  assert.equal(await got('/api/tokens/current', personal), 'TypeError', 'an origin that is not listed')
  assert.equal(await got('/scopes'), '200', 'but what is public')
  await context.close()
})
