import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { loadConfig } from '../../src/config/config.ts'
import { actingAs, newUser } from '../helpers/app.ts'
import { createAuthority } from '../helpers/certificates.ts'
import { guide, openTerminal } from '../helpers/guide.ts'
import { listeningIssuer } from '../helpers/issuer.ts'
import { NGINX, NO_NGINX, nginxMain } from '../helpers/nginx.ts'
import { freePort } from '../helpers/port.ts'
import { at, folderWith, startProxy } from '../helpers/recipes.ts'

/** docs/behind-a-proxy.md as it is written, with other ports. */

const HOST = 'id.example.com'
/** CADDY_PATH, or where Debian installs it. */
const CADDY = process.env.CADDY_PATH ?? '/usr/bin/caddy'
const NO_CADDY = !existsSync(CADDY) && `Caddy is not at ${CADDY} (CADDY_PATH)`

const [proxy, postern] = [await freePort(), await freePort()]
// Both proxies listen on the same port, one after the other.
const { commands, block, unused } = guide('docs/behind-a-proxy.md', {
  [`https://${HOST}/`]: `https://${HOST}:${proxy}/`,
})
const [, ISSUER, TRUST_PROXY] = /ISSUER=(\S+).*TRUST_PROXY=(\S+)/s.exec(commands('npm start')) ?? []
const { issuer, trustProxy } = loadConfig({ ISSUER, TRUST_PROXY })
const { services } = await listeningIssuer(t, { issuer, trustProxy, audience: issuer }, '127.0.0.1', postern)
const { client, secret } = await services.clients.create({ name: 'Orders API', audience: 'https://orders.example.com' })
await newUser(services, 'user', 'ada@example.com')
const authority = createAuthority(t)
const { key, cert } = authority.issue(HOST)
const files = folderWith(t, { 'ca.pem': authority.ca, 'key.pem': key, 'cert.pem': cert })

/** A request of another machine: its address is not that of the proxy. */
async function send(path: string, headers: Record<string, string> = {}, body = ''): Promise<IncomingMessage> {
  const method = body ? 'POST' : 'GET'
  const host = { host: '127.0.0.1', port: proxy, servername: HOST, localAddress: '127.0.0.2' }
  const sent = request({ ...host, ca: authority.ca, path, method, agent: false, headers: { host: HOST, ...headers } })
  sent.end(body)
  return (await once(sent, 'response'))[0]
}

async function check(t: Test): Promise<void> {
  const terminal = openTerminal(t)
  const curl = `resolve = "${HOST}:${proxy}:127.0.0.1"\ncacert = "${files}/ca.pem"\nfail\n`
  writeFileSync(join(terminal.folder, '.curlrc'), curl)
  t.match(await terminal.run(commands('health/ready')), `"issuer":"${issuer}"`)

  const page = await send('/login', { 'accept-encoding': 'gzip' })
  t.match(page, { statusCode: 200, headers: { 'content-encoding': undefined } })
  t.match(await text(page), 'Sign in')
  const json = { 'content-type': 'application/json', 'x-forwarded-for': '203.0.113.9' }
  const wrong = { email: 'ada@example.com', password: 'wrong', device_name: 'x' }
  const refused = await send('/api/tokens', json, JSON.stringify(wrong))
  t.equal(refused.statusCode, 401)
  refused.resume()
  const failed = 'select address from audit_events order by id desc limit 1'
  t.match(
    await services.db.query(failed),
    [{ address: '127.0.0.2' }],
    'the address of the client, which cannot forge it',
  )

  const authorization = `Basic ${Buffer.from(`${client.id}:${secret}`).toString('base64')}`
  const feed = await send('/oauth/events', { authorization })
  t.equal(feed.statusCode, 200)
  const { id } = await actingAs(services)
  await services.revokeToken(id)
  let said = ''
  const tooLong = setTimeout(() => feed.destroy(), 30_000)
  for await (const chunk of feed) {
    said += chunk
    if (said.includes('event: status')) break
  }
  clearTimeout(tooLong)
  t.match(said, 'event: status', 'an event arrives while the response goes on')
}

t.test('nginx', { skip: NO_NGINX }, async t => {
  const site = at(block('nginx'), {
    'listen 443': `listen 127.0.0.1:${proxy}`,
    '/etc/ssl/id.example.com.pem': `${files}/cert.pem`,
    '/etc/ssl/id.example.com.key': `${files}/key.pem`,
    '127.0.0.1:3000': `127.0.0.1:${postern}`,
  })
  const folder = folderWith(t, {})
  writeFileSync(join(folder, 'nginx.conf'), nginxMain(folder, site))
  const args = ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')]
  await startProxy(t, `http://127.0.0.1:${proxy}`, NGINX, args)
  await check(t)
})

t.test('Caddy', { skip: NO_CADDY }, async t => {
  // Certificates that it would get from the Internet are those of the test.
  const site = at(block('caddyfile'), {
    [`${HOST} {`]: `https://${HOST}:${proxy} {\n\ttls ${files}/cert.pem ${files}/key.pem`,
    '127.0.0.1:3000': `127.0.0.1:${postern}`,
  })
  const folder = folderWith(t, { Caddyfile: `{\n\tadmin off\n\tauto_https disable_redirects\n}\n${site}` })
  const home = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
  const args = ['run', '--adapter', 'caddyfile', '--config', join(folder, 'Caddyfile')]
  await startProxy(t, `http://127.0.0.1:${proxy}`, CADDY, args, home)
  await check(t)
})

t.test('nothing of the guide is left out', async t => t.strictSame(unused(), []))
