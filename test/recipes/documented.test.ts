import { connect } from 'node:net'
import t from 'tap'
import { createTestIssuer } from '../../packages/guard/src/testing/index.ts'
import { recipe } from '../helpers/recipes.ts'
import { launchSidecar } from '../helpers/sidecar.ts'

/** The recipes of proxies that cannot run here: their requirements, in requests of the shape that each proxy sends. */

const issuer = await createTestIssuer()
t.teardown(() => issuer.close())
const sidecar = await launchSidecar(t, issuer.guard)
const token = await issuer.token({ user: 'ada', scopes: ['orders:read'] })
const other = await issuer.token({ user: 'ada', scopes: ['other'] })

/** @returns the head of the response */
function send(lines: string[], body = ''): Promise<string> {
  const socket = connect(sidecar.port, '127.0.0.1')
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`)
  return new Promise(resolve => {
    socket.once('data', data => {
      socket.destroy()
      resolve(String(data).split('\r\n\r\n')[0] as string)
    })
  })
}

t.test('docs/recipes/traefik.md', async t => {
  const targets = [...(recipe('traefik').yaml as string).matchAll(/address: http:\/\/127\.0\.0\.1:4180(\S+)/g)]
  const [reading, creating] = targets.map(([, target]) => target as string)
  const ask = (target: string, text: string) =>
    send([
      `GET ${target} HTTP/1.1`,
      'Host: 127.0.0.1:4180',
      'User-Agent: Go-http-client/1.1',
      `Authorization: Bearer ${text}`,
      'X-Forwarded-For: 192.0.2.1',
      'X-Forwarded-Host: orders.example.com',
      'X-Forwarded-Method: POST',
      'X-Forwarded-Port: 80',
      'X-Forwarded-Proto: http',
      'X-Forwarded-Server: edge',
      'X-Forwarded-Uri: /orders?scopes=other&any=1',
      'Accept-Encoding: gzip',
    ])
  const good = await ask(reading as string, token)
  t.match(good, /^HTTP\/1\.1 200 OK\r\n/)
  for (const name of namesOf(recipe('traefik').yaml as string)) t.match(good, new RegExp(`^${name}: `, 'm'))
  t.match(await ask(creating as string, token), /^HTTP\/1\.1 403 /)
  t.match(await ask(reading as string, other), /^HTTP\/1\.1 403 /)
})

const namesOf = (yaml: string) => (/authResponseHeaders: \[(.*?)\]/.exec(yaml)?.[1] ?? '').split(', ')

t.test('docs/recipes/envoy.md', async t => {
  const prefix = /path_prefix: (\S+)/.exec(recipe('envoy').yaml as string)?.[1] as string
  const ask = (text: string, path: string, method = 'GET') =>
    send([
      `${method} ${prefix}${path} HTTP/1.1`,
      'host: orders.example.com',
      `authorization: Bearer ${text}`,
      'content-length: 0',
      'x-envoy-internal: true',
      'x-forwarded-for: 192.0.2.1',
      'x-envoy-expected-rq-timeout-ms: 6000',
    ])
  for (const path of ['/', '/orders?page=2', '/orders/%2e%2e/x?scopes=other&any=1', '/,other&any=1/', '//token=any/']) {
    for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) {
      t.match(await ask(token, path, method), /^HTTP\/1\.1 200 OK\r\n/, `${method} ${path}`)
      t.match(await ask(other, path, method), /^HTTP\/1\.1 403 /, `${method} ${path}`)
    }
  }
  const good = await ask(token, '/orders')
  for (const name of ['User', 'Client', 'Scopes', 'Token-Id']) t.match(good, new RegExp(`^X-Auth-${name}: `, 'm'))
})
