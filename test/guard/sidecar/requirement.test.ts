import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { createTestIssuer } from '../../../packages/guard/src/testing/index.ts'
import { bearer } from '../../helpers/requester.ts'
import { launchSidecar } from '../../helpers/sidecar.ts'

const issuer = await createTestIssuer()
t.teardown(() => issuer.close())
const sidecar = await launchSidecar(t, issuer.guard)
const everything = await issuer.token({ user: 'ada', scopes: ['*', 'public'] })
const little = await issuer.token({ user: 'ada', scopes: ['public'] })

/** Sends the target as it is; `fetch` would normalize it. */
function send(path: string, token: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ port: sidecar.port, path, headers: bearer(token), agent: false })
    sent.on('error', reject).on('response', async response => {
      resolve({ status: response.statusCode as number, body: await text(response) })
    })
    sent.end()
  })
}

/** Each would accept every token if the part that cannot be understood were ignored. */
const WRONG = [
  '/check',
  '/check?',
  '/check?scope=orders:read',
  '/check?Scopes=orders:read',
  '/check?scopes',
  '/check?scopes=',
  '/check?scopes=,',
  '/check?scopes=public,',
  '/check?scopes=public,,orders:read',
  '/check?scopes=public%20orders:read',
  '/check?scopes=public+orders:read%0a',
  '/check?scopes=public,public',
  '/check?scopes=public&scopes=public',
  '/check?scopes=public&scope=orders:read',
  '/check?scopes=public&any',
  '/check?scopes=public&any=0',
  '/check?scopes=public&any=true',
  '/check?scopes=public&any=1&any=1',
  '/check?scopes=public&',
  '/check?scopes=public&token=any',
  '/check?token=any&any=1',
  '/check?token=',
  '/check?token=none',
  '/check?any=1',
  '/check?scopes=%',
  '/check?scopes=%ff',
  '/check?scopes=caf%C3%A9',
  `/check?scopes=${'a'.repeat(5_000)}`,
  '/check/',
  '/check//',
  '/check/orders',
  '/check/scopes=public',
  '/check/scope=public/',
  '/check/?scopes=public',
]

t.test('a requirement that cannot be understood accepts no token', async t => {
  for (const path of WRONG) {
    const { status, body } = await send(path, everything)
    t.equal(status, 500, path)
    t.match(JSON.parse(body), { type: 'urn:postern:error:invalid_check' }, path)
  }
  const lines = sidecar.stdout().split('\n').filter(Boolean)
  t.match(
    lines.map(line => JSON.parse(line)).find(({ code }) => code === 'invalid_check'),
    { level: 50, msg: /^The proxy asked for a check that cannot be understood: / },
    'and the operator reads why',
  )
  t.notMatch(sidecar.stdout(), /orders:read|caf/, 'without what a client may have written')
})

t.test('a proxy that appends its client’s path writes the requirement in the path', async t => {
  const prefix = '/check/scopes=public/'
  for (const path of ['/orders', '/', '//', '/orders?scopes=x&any=1', '/?access_token=x', '*', '']) {
    t.equal((await send(prefix + path, little)).status, 200, path)
    t.equal((await send(`/check/scopes=admin:read/${path}`, little)).status, 403, path)
  }
  t.equal((await send('/check/scopes=admin:read,public&any=1//orders', little)).status, 200)
  t.equal((await send('/check/token=any//orders', little)).status, 200)
})

t.test('a client cannot write the requirement', async t => {
  const paths = [
    '/,public&any=1',
    '/../token=any/',
    '/?&any=1&scopes=public',
    '&any=1',
    ',public&any=1',
    '/%2e%2e/token=any/',
  ]
  for (const path of paths) {
    t.not((await send(`/check/scopes=orders:read/${path}`, little)).status, 200, `as documented: ${path}`)
    t.not((await send(`/check/scopes=orders:read${path}`, little)).status, 200, `without the slash: ${path}`)
    if (path.startsWith('/')) t.equal((await send(`/check?scopes=orders:read${path}`, everything)).status, 500, path)
  }
})

t.test('a scope with a slash is written with an escape', async t => {
  const token = await issuer.token({ scopes: ['https://example.com/orders'] })
  const scope = encodeURIComponent('https://example.com/orders')
  t.equal((await send(`/check?scopes=${scope}`, token)).status, 200)
  t.equal((await send(`/check?scopes=${scope}`, little)).status, 403)
})

t.test('nothing but /check checks', async t => {
  for (const path of [
    '/',
    '/checks?token=any',
    '/CHECK?token=any',
    '/check%3Ftoken=any',
    '//check?token=any',
    '/check.',
  ]) {
    t.equal((await send(path, everything)).status, 404, path)
  }
})
