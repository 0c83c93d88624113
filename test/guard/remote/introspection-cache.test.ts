import { request as ask, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createRemote } from '../../../packages/guard/src/index.ts'
import { actingAs, newUser } from '../../helpers/app.ts'
import { listeningIssuer } from '../../helpers/issuer.ts'

const API = 'https://orders.example.com'

/** What an issuer is reached through. @returns its address; `answer`, once set, is what it answers introspection by */
async function front(t: Test) {
  const said: { target?: string; last?: string; answer?: string | undefined } = {}
  const server = createServer(async (request, response) => {
    const body = await text(request)
    const introspects = request.url === '/oauth/introspect'
    if (introspects && said.answer !== undefined) return response.end(said.answer)
    const { method, headers } = request
    const onward = ask(`${said.target}${request.url}`, { method, headers, agent: false }, async answer => {
      response.writeHead(answer.statusCode as number, answer.headers)
      if (!introspects) return answer.pipe(response)
      said.last = await text(answer)
      response.end(said.last)
    })
    response.on('close', () => onward.destroy())
    onward.on('error', () => response.destroy()).end(body)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return Object.assign(said, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
}

/** A guard that follows the feed of an issuer that listens; opaque tokens are what it has to ask about. */
async function rig(t: Test, options: { cacheSize?: number } = {}) {
  const issuer = await front(t)
  const { issuer: target, services } = await listeningIssuer(t, { audience: API, issuer: issuer.url })
  issuer.target = target
  const { client, secret } = await services.clients.create({ name: 'Orders API', audience: API })
  const credentials = { clientId: client.id, clientSecret: secret as string }
  const remote = createRemote({ issuer: issuer.url, audience: API, ...credentials, ...options })
  t.teardown(() => remote.close())
  await remote.ready()
  const scopesOf = async (token: string) => (await remote.authenticate(token)).scopes
  const user = await newUser(services)
  const opaque = () => actingAs(services, ['orders:read', 'reports'], { format: 'opaque', user })
  /** Takes a scope away, and waits until the guard has heard of a change. */
  async function narrow({ user, id }: Awaited<ReturnType<typeof opaque>>) {
    const before = remote.position ?? 0
    await services.tokens.change(user, id, { scopes: ['reports'] })
    while ((remote.position ?? 0) <= before) await pause(10)
  }
  return { services, issuer, opaque, scopesOf, narrow }
}

t.test('however many tokens come between, a token that is in use loses what is taken from it', async t => {
  const { opaque, scopesOf, narrow } = await rig(t, { cacheSize: 8 })
  const busy = await opaque()
  t.same(await scopesOf(busy.token), ['orders:read', 'reports'])
  for (let i = 0; i < 20; i++) {
    await scopesOf((await opaque()).token)
    t.same(await scopesOf(busy.token), ['orders:read', 'reports'])
  }
  await narrow(busy)
  t.same(await scopesOf(busy.token), ['reports'])
})

t.test('what changes while the list is on its way is not forgotten over what was asked before', async t => {
  const { services, opaque, scopesOf, narrow } = await rig(t)
  const token = await opaque()
  const { signed } = services.lists
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  services.lists.signed = async id => {
    asked.resolve()
    await answer.promise
    return signed(id)
  }
  const first = scopesOf(token.token)
  await asked.promise
  await narrow(token)
  answer.resolve()
  t.same(await first, ['orders:read', 'reports'], 'asked before the change')
  t.same(await scopesOf(token.token), ['reports'])
})

t.test('a node that has not heard of a change yet is believed for a moment only', async t => {
  const { issuer, opaque, scopesOf, narrow } = await rig(t)
  const token = await opaque()
  t.same(await scopesOf(token.token), ['orders:read', 'reports'])
  issuer.answer = issuer.last
  await narrow(token)
  t.same(await scopesOf(token.token), ['orders:read', 'reports'], 'as the node knows it')
  issuer.answer = undefined
  while ((await scopesOf(token.token)).length > 1) await pause(10)
  t.same(await scopesOf(token.token), ['reports'])
})
