import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createServer as createTcpServer } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { createDocumentFetcher, type DocumentFetcherOptions } from '../../src/fetch/documents.ts'
import { FetchError, type FetchFailure } from '../../src/fetch/error.ts'
import { createAuthority } from '../helpers/certificates.ts'
import { openDns } from '../helpers/dns.ts'

/** The fetcher against real hosts that attack it: DNS, TLS and HTTP are those of Node. */

const HOST = 'app.example.com'
/** An address of this machine that stands for one on the Internet; 127.0.0.1 stays inside. */
const OUTSIDE = '127.0.0.2'
const authority = createAuthority(t)
const certificate = authority.issue(HOST, 'other.example.com', '*.apps.example.com')

const sendJson = (response: ServerResponse, value: unknown, headers = {}) =>
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))

interface Host {
  url: string
  requests: IncomingMessage[]
}

async function openHost(t: Test, respond: RequestListener, address = OUTSIDE, tls = certificate): Promise<Host> {
  const requests: IncomingMessage[] = []
  const server = createServer(tls, (request, response) => {
    requests.push(request)
    respond(request, response)
  })
  await new Promise<void>(resolve => void server.listen(0, address, resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `https://${HOST}:${(server.address() as AddressInfo).port}/client.json`, requests }
}

async function openFetcher(t: Test, options: DocumentFetcherOptions = {}, addresses: string[] | null = [OUTSIDE]) {
  const dns = await openDns(t, { [HOST]: addresses, 'other.example.com': addresses })
  const trusted = { allowedNetworks: [OUTSIDE], dnsServers: [dns.address], ca: authority.ca, timeoutMs: 20_000 }
  return { dns, documents: createDocumentFetcher({ ...trusted, ...options }) }
}

/** Milliseconds that are over at once for what never answers. */
const SHORT = { timeoutMs: 300 }

t.test('a document is fetched once, by the name of its host, without compression', async t => {
  const { url, requests } = await openHost(t, (_request, response) => sendJson(response, { name: 'Viewer' }))
  const { documents, dns } = await openFetcher(t)
  const results = await Promise.all(Array.from({ length: 20 }, () => documents.get(url)))
  for (const { json } of results) t.strictSame(json, { name: 'Viewer' })
  t.strictSame((await documents.get(url)).json, { name: 'Viewer' })
  t.equal(requests.length, 1, 'one request for all')
  t.strictSame(dns.questions, [HOST, HOST], 'one look-up: A and AAAA')
  t.match(requests[0]?.headers, { host: new URL(url).host, accept: 'application/json', 'accept-encoding': 'identity' })
  t.notMatch(requests[0]?.headers, { cookie: /./, authorization: /./ })
})

/** Rejects with the reason. */
async function refused(t: Test, fetched: Promise<unknown>, reason: FetchFailure, message = reason as string) {
  const error = await fetched.catch(failure => failure)
  t.match(error, { name: 'FetchError', reason }, message)
}

const FRESHNESS = {
  'no header: a minute': [{}, 60],
  'no-store: a minute, so that nobody makes us fetch it all the time': [{ 'cache-control': 'no-store' }, 60],
  'max-age=0': [{ 'cache-control': 'max-age=0' }, 60],
  'max-age': [{ 'cache-control': 'max-age=600' }, 600],
  's-maxage before max-age': [{ 'cache-control': 'max-age=600, s-maxage=1200' }, 1_200],
  'less the age': [{ 'cache-control': 'max-age=600', age: '100' }, 500],
  'a day at most': [{ 'cache-control': 'max-age=31536000' }, 86_400],
  'nonsense: a minute': [{ 'cache-control': 'max-age=1e9x; ,,', expires: 'soon' }, 60],
} as const

t.test('its headers say how long it is fresh', async t => {
  const { documents } = await openFetcher(t)
  for (const [what, [headers, seconds]] of Object.entries(FRESHNESS)) {
    const { url } = await openHost(t, (_request, response) => sendJson(response, {}, headers))
    const { fetchedAt, freshUntil } = await documents.get(url)
    t.ok(Math.abs((freshUntil - fetchedAt) / 1000 - seconds) <= 1, what)
  }
})

t.test('Expires says how long it is fresh, too', async t => {
  const { documents } = await openFetcher(t)
  const expires = new Date(Date.now() + 3_600_000).toUTCString()
  const { url } = await openHost(t, (_request, response) => sendJson(response, {}, { expires }))
  const { fetchedAt, freshUntil } = await documents.get(url)
  t.ok(Math.abs((freshUntil - fetchedAt) / 1000 - 3_600) <= 2)
})

/** Lets time pass for what asks `Date.now`. */
function travel(t: Test): (seconds: number) => void {
  const { now } = Date
  let ahead = 0
  t.intercept(Date, 'now', { value: () => now() + ahead })
  return seconds => {
    ahead += seconds * 1000
  }
}

t.test('a stale document is confirmed by its ETag', async t => {
  let name = 'Viewer'
  const { url, requests } = await openHost(t, (request, response) => {
    if (request.headers['if-none-match'] === `"${name}"`) response.writeHead(304, { etag: `"${name}"` }).end()
    else sendJson(response, { name }, { etag: `"${name}"` })
  })
  const { documents } = await openFetcher(t)
  const pass = travel(t)
  await documents.get(url)
  pass(61)
  t.strictSame((await documents.get(url)).json, { name: 'Viewer' })
  t.equal(requests[1]?.headers['if-none-match'], '"Viewer"')
  name = 'Editor'
  t.strictSame((await documents.get(url)).json, { name: 'Viewer' }, 'fresh again')
  pass(61)
  t.strictSame((await documents.get(url)).json, { name: 'Editor' })
  t.equal(requests.length, 3)
})

t.test('a failure is remembered for a minute, and so is a stale document that cannot be had', async t => {
  let isBroken = true
  const { url, requests } = await openHost(t, (_request, response) =>
    isBroken ? void response.writeHead(500).end() : sendJson(response, {}),
  )
  const { documents } = await openFetcher(t)
  const pass = travel(t)
  await refused(t, documents.get(url), 'response')
  isBroken = false
  await refused(t, documents.get(url), 'response')
  t.equal(requests.length, 1)
  pass(61)
  await documents.get(url)
  isBroken = true
  pass(61)
  await refused(t, documents.get(url), 'response')
  await refused(t, documents.get(url), 'response')
  t.equal(requests.length, 3)
})

const RESPONSES: Record<string, (response: ServerResponse) => unknown> = {
  'a redirect to the inside': r => r.writeHead(302, { location: 'http://127.0.0.1/admin' }).end(),
  'a permanent redirect to the same host': r => r.writeHead(308, { location: '/other.json' }).end(),
  'another status of success': r => r.writeHead(203, { 'content-type': 'application/json' }).end('{}'),
  'no content': r => r.writeHead(204).end(),
  'not modified without a question': r => r.writeHead(304).end(),
  'not found': r => r.writeHead(404, { 'content-type': 'application/json' }).end('{}'),
  'a page': r => r.writeHead(200, { 'content-type': 'text/html' }).end('{}'),
  'no type': r => r.writeHead(200).end('{}'),
  'a gzip bomb': r => {
    const bomb = gzipSync(Buffer.alloc(10_000_000))
    r.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(bomb)
  },
  'a length that is too large': r =>
    r.writeHead(200, { 'content-type': 'application/json', 'content-length': 5_121 }).write('{'),
  'an endless body': r => {
    r.writeHead(200, { 'content-type': 'application/json' })
    const more = () => {
      while (!r.destroyed && r.write(' '.repeat(1_024)));
    }
    r.on('drain', more)
    more()
  },
  'endless headers': r => {
    r.socket?.write('HTTP/1.1 200 OK\r\n')
    r.socket?.write('X-Filler: 12345678\r\n'.repeat(2_000))
  },
  'no JSON': r => r.writeHead(200, { 'content-type': 'application/json' }).end('{'),
  'no UTF-8': r => r.writeHead(200, { 'content-type': 'application/json' }).end(Buffer.from([0x22, 0xff, 0x22])),
  'another protocol': r => {
    r.socket?.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n')
  },
  'no HTTP': r => r.socket?.end('hello'),
  'a body that ends early': r => {
    r.writeHead(200, { 'content-type': 'application/json', 'content-length': 20 }).write('{}')
    r.socket?.end()
  },
}

for (const [what, respond] of Object.entries(RESPONSES)) {
  t.test(`refused: ${what}`, async t => {
    const { url, requests } = await openHost(t, (_request, response) => respond(response))
    const { documents } = await openFetcher(t)
    await t.rejects(documents.get(url), FetchError)
    t.equal(requests.length, 1)
  })
}

t.test('what is slow is over in time, and its connection with it', async t => {
  const slow: Record<string, RequestListener> = {
    headers: () => {},
    'informational responses': (_request, response) => {
      const timer = setInterval(() => response.writeProcessing(), 20)
      response.on('close', () => clearInterval(timer))
    },
    body: (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const timer = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(timer))
    },
  }
  const { documents } = await openFetcher(t, SHORT)
  for (const [what, respond] of Object.entries(slow)) {
    const closed = Promise.withResolvers<void>()
    const { url } = await openHost(t, (request, response) => {
      request.socket.on('close', closed.resolve)
      respond(request, response)
    })
    await refused(t, documents.get(url), 'timeout', what)
    await closed.promise
  }
})

t.test('a host that accepts connections and says nothing is over in time', async t => {
  const server = createTcpServer(() => {})
  await new Promise<void>(resolve => void server.listen(0, OUTSIDE, resolve))
  t.teardown(() => server.close())
  const { documents } = await openFetcher(t, SHORT)
  const { port } = server.address() as AddressInfo
  await refused(t, documents.get(`https://${HOST}:${port}/c`), 'timeout')
})

t.test('a DNS server that never answers is over in time', async t => {
  const { documents } = await openFetcher(t, SHORT, null)
  await refused(t, documents.get(`https://${HOST}/c`), 'timeout')
})

const INSIDE = {
  'an address inside': ['127.0.0.1'],
  'one of several': [OUTSIDE, '10.0.0.1'],
  'the metadata of a cloud': ['169.254.169.254'],
  'an IPv6 address inside': ['::1'],
  'an IPv4-mapped address': ['::ffff:127.0.0.1'],
  'a 6to4 address': ['2002:7f00:1::'],
  'a NAT64 address': ['64:ff9b::7f00:1'],
  'a unique local address': ['fd00:ec2::254'],
  'this network': ['0.0.0.0'],
  'no address': [],
}

for (const [what, addresses] of Object.entries(INSIDE)) {
  t.test(`a name that resolves to ${what} is not connected to`, async t => {
    const inside = await openHost(t, (_request, response) => sendJson(response, {}), '127.0.0.1')
    const { documents } = await openFetcher(t, {}, addresses)
    await refused(t, documents.get(inside.url), 'address')
    t.strictSame(inside.requests, [])
  })
}

t.test('an address inside as the host is not connected to', async t => {
  const { documents, dns } = await openFetcher(t)
  for (const host of [
    '127.0.0.1',
    '10.0.0.1',
    '[::1]',
    '[::ffff:7f00:1]',
    '[64:ff9b::7f00:1]',
    'localhost',
    'a.localhost',
  ])
    await refused(t, documents.get(`https://${host}/c`), 'address', host)
  t.strictSame(dns.questions, [])
})

t.test('a name that changes its address after the check leads nowhere else', async t => {
  const { url, requests } = await openHost(t, (_request, response) => sendJson(response, { from: 'outside' }))
  const { port } = new URL(url)
  const inside = createServer(certificate, (_request, response) => sendJson(response, { from: 'inside' }))
  await new Promise<void>(resolve => void inside.listen(Number(port), '127.0.0.1', resolve))
  t.teardown(() => inside.close())
  const { documents, dns } = await openFetcher(t)
  const get = dns.addresses.get.bind(dns.addresses)
  // Every question but the first two, A and AAAA of the check, is answered with an address inside.
  dns.addresses.get = name => (dns.questions.length > 2 ? ['127.0.0.1'] : get(name))
  t.strictSame((await documents.get(url)).json, { from: 'outside' })
  t.equal(requests.length, 1)
  await refused(t, documents.get(url.replace('client', 'other')), 'address', 'the next fetch is checked again')
})

t.test('a certificate must be valid for the name', async t => {
  const respond: RequestListener = (_request, response) => sendJson(response, {})
  const wrong = {
    'for another name': await openHost(t, respond, OUTSIDE, authority.issue('evil.example.com')),
    'of an authority that nobody trusts': await openHost(t, respond, OUTSIDE, createAuthority(t).issue(HOST)),
  }
  const { documents } = await openFetcher(t)
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  t.teardown(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED)
  for (const [what, { url, requests }] of Object.entries(wrong)) {
    await refused(t, documents.get(url), 'connection', what)
    t.strictSame(requests, [], what)
  }
})

t.test('http is spoken to this host in development only', async t => {
  const server = createHttpServer((_request, response) => sendJson(response, { name: 'Viewer' }))
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const url = `http://localhost:${(server.address() as AddressInfo).port}/client.json`
  const { json } = await createDocumentFetcher({ allowLoopback: true }).get(url)
  t.strictSame(json, { name: 'Viewer' })
  await refused(t, createDocumentFetcher().get(url), 'url')
})

t.test('a few fetches of one host run at the same time, and a few dozens in all', async t => {
  const waiting: ServerResponse[] = []
  const arrived = Promise.withResolvers<void>()
  const { url } = await openHost(t, (_request, response) => {
    if (waiting.push(response) === 4) arrived.resolve()
  })
  const { documents, dns } = await openFetcher(t)
  const at = (n: number) => documents.get(url.replace('client', `${n}`))
  const running = [1, 2, 3, 4].map(at)
  await arrived.promise
  await refused(t, at(5), 'busy')
  await refused(t, documents.get(`https://${HOST}:1/client.json`), 'busy', 'another port of the host')
  for (const response of waiting) sendJson(response, {})
  await Promise.all(running)
  const more = at(5)
  await t.resolves(Promise.race([more, new Promise(resolve => setImmediate(resolve))]), 'there is room again')
  sendJson(waiting[4] ?? (await nextOf(waiting, 5)), {})
  await more

  for (let n = 0; n < 40; n++) dns.addresses.set(`h${n}.apps.example.com`, null)
  const results = Array.from({ length: 40 }, (_, n) => documents.get(`https://h${n}.apps.example.com/c`))
  await Promise.all(results.slice(32).map(result => refused(t, result, 'busy')))
  for (const result of results) result.catch(() => {})
})

/** The n-th response, once its request has arrived. */
async function nextOf(waiting: ServerResponse[], n: number): Promise<ServerResponse> {
  while (waiting.length < n) await new Promise(resolve => setImmediate(resolve))
  return waiting[n - 1] as ServerResponse
}

t.test('a limit counts requests, not documents that are fresh or on their way', async t => {
  const { url } = await openHost(t, (_request, response) => sendJson(response, {}))
  const { documents } = await openFetcher(t)
  const pass = travel(t)
  let counted = 0
  const beforeFetch = async () => {
    if (++counted > 3) throw new Error('limit')
  }
  await documents.get(url, { beforeFetch })
  await documents.get(url, { beforeFetch })
  t.equal(counted, 1, 'fresh')
  pass(61)
  await documents.get(url, { beforeFetch })
  t.equal(counted, 2, 'stale')
  const other = url.replace('client', 'other')
  await documents.get(other, { beforeFetch })
  await t.rejects(documents.get(url.replace('client', 'third'), { beforeFetch }), /limit/)
  await documents.get(url.replace('client', 'third'))
  t.equal(counted, 4)
})

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes that are in use, not what could be freed. */
function heapUsed(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

t.test('tens of thousands of URLs that fail leave no more in memory than the last of them', async t => {
  const { documents } = await openFetcher(t)
  async function fail(from: number, to: number): Promise<void> {
    for (let n = from; n < to; n++) {
      const url = `https://10.${n >> 16}.${(n >> 8) & 255}.${n & 255}/${'c'.repeat(1_900)}`
      await documents.get(url).then(
        () => t.fail(url),
        () => {},
      )
    }
  }
  await fail(0, 10_000)
  const before = heapUsed()
  await fail(10_000, 40_000)
  t.ok(heapUsed() - before < 10_000_000, 'far less than the URLs alone')
})
