import Fastify from 'fastify'
import t from 'tap'
import { actingAs, testApp } from '../helpers/app.ts'
import { embedded } from '../helpers/embedding.ts'
import { operationsOf } from '../helpers/operations.ts'
import { isProblem } from '../helpers/problem.ts'

/** A route that exists, with a method that it does not have: 405 with `Allow` (RFC 9110 §15.5.6), for everybody alike. */

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const

t.test('every route of the document names the methods that it has', async t => {
  const { app, services } = await testApp(t)
  const { headers } = await actingAs(services, ['*', 'admin:read', 'admin:write'], { role: 'admin' })
  const operations = await operationsOf(app)
  // The methods of several routes may fit one path, as those of /api/tokens/current and /api/tokens/{id}.
  const fits = (url: string) => (path: string) => new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(url)
  const others = operations.filter(({ isForm, path }) => !isForm && path !== '/oauth/authorize')
  const urls = [...new Set(others.map(({ url }) => url))]
  t.ok(urls.length > 20)
  for (const url of urls) {
    const isHere = fits(url)
    const own = [...new Set(operations.filter(({ path }) => isHere(path)).map(({ method }) => method as string))].sort()
    for (const method of METHODS.filter(method => !own.includes(method))) {
      for (const by of [{}, headers]) {
        const answer = await app.inject({ method: method as 'GET', url: `${url}?x=1`, headers: by })
        isProblem(t, answer, 405, `${method} ${url}`)
        const allowed = String(answer.headers.allow).split(', ')
        t.strictSame(allowed.filter(name => name !== 'HEAD').sort(), own, `${method} ${url}`)
      }
    }
  }
})

t.test('the authorization endpoint refuses them with a page', async t => {
  const { app } = await testApp(t)
  for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const) {
    const answer = await app.inject({ method: method as 'PUT', url: '/oauth/authorize?client_id=x' })
    t.match([answer.statusCode, answer.headers.allow], [405, 'GET, POST'], method)
    t.match(answer.headers, { 'content-type': /^text\/html/, 'cache-control': 'no-store' }, method)
  }
})

t.test('a path that leads nowhere is 404 with every method, however it is spelled', async t => {
  const { app } = await testApp(t)
  for (const url of ['/api/nowhere', '/api/tokens/x/y/z', '/API/tokens', '/api//tokens']) {
    for (const method of METHODS)
      isProblem(t, await app.inject({ method: method as 'GET', url }), 404, `${method} ${url}`)
  }
  isProblem(t, await app.inject({ method: 'PUT', url: '/%61pi/tokens' }), 405, 'an encoded letter is that letter')
})

t.test('below the prefix of another application', async t => {
  const postern = await embedded(t, { issuer: 'https://parcels.example/auth' })
  const app = Fastify()
  await app.register(postern.plugin, { prefix: '/auth' })
  app.get('/parcels', async () => [])
  isProblem(t, await app.inject({ method: 'PUT', url: '/auth/api/tokens' }), 405, 'below the prefix')
  for (const url of ['/api/tokens', '/parcels'])
    t.equal((await app.inject({ method: 'PUT', url })).statusCode, 404, `${url} is not ours`)
})
