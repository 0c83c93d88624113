import { hash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { answer, usageCall } from '../processes.ts'
import { openServer } from './server.ts'
import { cookies, signIn } from './sign-in.ts'

const { app, postern, listen } = await openServer()
const PASSWORD = 'correct horse battery'
const REDIRECT_URI = 'https://app.example.com/callback'

/** The host of a metadata document. It counts its requests. */
let fetches = 0
const host = createServer((request, response) => {
  fetches++
  const document = { client_id: `${origin}${request.url}`, client_name: 'Order viewer', redirect_uris: [REDIRECT_URI] }
  const headers = { 'content-type': 'application/json', 'cache-control': 'max-age=86400' }
  response.writeHead(200, headers).end(JSON.stringify(document))
})
await new Promise<void>(resolve => void host.listen(0, 'localhost', resolve))
const origin = `http://localhost:${(host.address() as AddressInfo).port}`

const fieldsOf = (page: string) =>
  [...page.matchAll(/<input type="(?:hidden|checkbox)" name="([^"]*)" value="([^"]*)"/g)].map(
    ([, name = '', value = '']) => [name, value] as [string, string],
  )

/** Somebody who is signed in. @returns the cookies */
async function person(url: string): Promise<string> {
  const email = `bench-${Date.now()}@example.com`
  await postern.users.create({ email, name: 'Ada Lovelace', password: PASSWORD })
  return signIn(`${url}/auth/login`, email, PASSWORD)
}

/**
 * A client that the person has consented to.
 * @returns the path of an authorization request that shows the consent page
 */
async function consented({ url, cookie, kind }: { url: string; cookie: string; kind: string }): Promise<string> {
  const settings = { name: 'Order viewer', public: true, redirectUris: [REDIRECT_URI] }
  const id = kind === 'metadata' ? `${origin}/client.json` : (await postern.clients.create(settings)).client.id
  const query = new URLSearchParams({
    client_id: id,
    redirect_uri: REDIRECT_URI,
    response_type: 'code',
    code_challenge: hash('sha256', 'verifier', 'base64url'),
    code_challenge_method: 'S256',
  })
  const authorize = `${url}/auth/oauth/authorize?${query}`
  const shown = await fetch(authorize, { headers: { cookie } })
  const page = await shown.text()
  const form = page.slice(page.indexOf('/oauth/consent"'))
  const body = new URLSearchParams([...fieldsOf(form), ['decision', 'approve']])
  const approved = await fetch(`${url}/auth/oauth/consent`, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie: `${cookie}; ${cookies(shown)}` },
    body,
  })
  if (approved.status !== 303) throw new Error(`the consent was answered ${approved.status}`)
  // Stored, so that no request of the load is.
  const signedOut = await fetch(authorize, { redirect: 'manual' })
  return new URL(signedOut.headers.get('location') ?? '', url).searchParams.get('next') ?? ''
}

export const calls = answer(
  { listen, person, consented, fetches: async () => fetches, usage: usageCall() },
  async () => {
    host.close()
    await app.close()
  },
)
