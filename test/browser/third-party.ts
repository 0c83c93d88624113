import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as oauth from 'openid-client'
import { issuer, services } from './setup.ts'

/** What an app that somebody else built needs to know of the issuer: what it finds out by itself. */
export function discover(id: string, authentication: oauth.ClientAuth): Promise<oauth.Configuration> {
  const options: oauth.DiscoveryRequestOptions = { algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] }
  return oauth.discovery(new URL(issuer), id, undefined, authentication, options)
}

export interface ThirdParty {
  /** Where people come to it; `?scope=` says what it is to ask for. */
  url: string
  /** The tokens that it got, newest last. */
  tokens: string[]
  close(): void
}

/** An app with a server of its own: it sends people to the issuer, and calls the API when they come back with a code. */
export async function thirdParty(name: string): Promise<ThirdParty> {
  const tokens: string[] = []
  const waiting = new Map<string, string>()
  const server = createServer((request, response) => {
    const say = (text: string) => response.setHeader('content-type', 'text/html').end(`<!doctype html><p>${text}</p>`)
    const url = new URL(request.url ?? '/', origin)
    if (url.pathname === '/callback') back(url).then(say, ({ error, message }) => say(`Refused: ${error ?? message}`))
    else if (url.pathname === '/') ask(url).then(href => response.writeHead(303, { location: href }).end())
    else response.writeHead(204).end()
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const callback = `${origin}/callback`
  const { client, secret } = await services.clients.create({ name, redirectUris: [callback] })
  const config = await discover(client.id, oauth.ClientSecretBasic(secret))

  async function ask({ searchParams }: URL): Promise<string> {
    const [state, verifier] = [oauth.randomState(), oauth.randomPKCECodeVerifier()]
    waiting.set(state, verifier)
    const challenge = await oauth.calculatePKCECodeChallenge(verifier)
    const asked = { redirect_uri: callback, scope: searchParams.get('scope') ?? '', state }
    const pkce = { code_challenge: challenge, code_challenge_method: 'S256' }
    return oauth.buildAuthorizationUrl(config, { ...asked, ...pkce }).href
  }

  async function back(url: URL): Promise<string> {
    const expectedState = url.searchParams.get('state') ?? ''
    const checks = { expectedState, pkceCodeVerifier: waiting.get(expectedState) ?? '' }
    const { access_token, scope } = await oauth.authorizationCodeGrant(config, url, checks)
    tokens.push(access_token)
    const answer = await oauth.fetchProtectedResource(config, access_token, new URL(`${issuer}/api/user`), 'GET')
    return `The API answers ${answer.status}. May: ${scope}.`
  }

  return { url: origin, tokens, close: () => server.close() }
}
