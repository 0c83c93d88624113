import assert from 'node:assert/strict'
import { newUser, PASSWORD } from '../helpers/app.ts'
import { authorizeUrl } from '../helpers/browser.ts'
import { PROFILES, walk } from './profiles.ts'
import { issuer, serve, services } from './setup.ts'

/** What a browser lets through does not depend on how the pages look. */
const once = PROFILES.filter(({ name }) => name === 'desktop-dark')

const html = (body: string) => `<!doctype html><title>App</title><link rel="icon" href="data:,">${body}`
const newApp = async (callback: string) =>
  (await services.clients.create({ name: 'Calendar', redirectUris: [callback] })).client

walk(
  'an app that opens a popup hears the answer from it, and never sees it closed before',
  async ({ page }) => {
    let link = ''
    const opening = () => `<button onclick="popup = open('${link}', 'sign-in', 'width=500,height=700')">Connect</button>
      <p id="answer">nothing yet</p>
      <script>onmessage = ({ data }) => { answer.textContent = data + (popup.closed ? ' closed' : ' open') }</script>`
    const back = `<script>opener.postMessage(location.search.includes('code=') ? 'code' : 'refused', location.origin)</script>`
    const origin = await serve(({ url }, response) => {
      response.setHeader('content-type', 'text/html').end(html(url === '/' ? opening() : back))
    })
    link = issuer + authorizeUrl(await newApp(`${origin}/callback`), { state: 's' })
    const { email } = await newUser(services)
    await page.goto(origin)
    const [popup] = await Promise.all([page.waitForEvent('popup'), page.getByRole('button').click()])
    const isOpen = async (where: string) => assert.equal(await page.evaluate('popup.closed'), false, where)
    await popup.getByLabel('Password').waitFor()
    await isOpen('while signing in')
    await popup.getByLabel('E-mail address').fill(email)
    await popup.getByLabel('Password').fill('wrong password')
    await popup.getByRole('button', { name: 'Sign in' }).click()
    await popup.getByRole('alert').waitFor()
    await isOpen('after a wrong password')
    await popup.getByLabel('Password').fill(PASSWORD)
    await popup.getByRole('button', { name: 'Sign in' }).click()
    const allow = popup.getByRole('button', { name: 'Authorize', exact: true })
    await allow.waitFor()
    await isOpen('while consenting')
    await allow.click()
    await page.getByText('code open').waitFor()
  },
  once,
)

walk(
  'a callback that goes on to another origin gets there, by Allow and by signing in',
  async visitor => {
    const native = await serve(({ url }, response) => {
      response.setHeader('content-type', 'text/html').end(html(`<p>Arrived ${url?.includes('code=')}</p>`))
    })
    const origin = await serve(({ url = '' }, response) => {
      response.writeHead(303, { location: native + url }).end()
    })
    const url = authorizeUrl(await newApp(`${origin}/callback`), { state: 's' })
    const user = await newUser(services)
    await visitor.goto(url)
    await visitor.signIn(user)
    await visitor.go('Authorize')
    await visitor.sees('Arrived true')
    assert.ok(visitor.page.url().startsWith(`${native}/callback?`))

    await visitor.page.context().clearCookies()
    await visitor.goto(url)
    await visitor.signIn(user)
    await visitor.sees('Arrived true')
    assert.ok(visitor.page.url().startsWith(`${native}/callback?`), 'consent is remembered')
  },
  once,
)
