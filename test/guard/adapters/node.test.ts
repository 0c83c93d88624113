import { createServer } from 'node:http'
import { nodeGuard } from 'postern/guard/node'
import t from 'tap'
import { guards, type Serve } from './behaviour.ts'

const serve: Serve = async options => {
  const checks = nodeGuard(options)
  const { checkScopes, checkAnyScope, requireToken } = checks
  const routes = {
    '/any': [requireToken()],
    '/read': [checkScopes('orders:read')],
    '/create': [checkScopes('orders:read', 'orders:create')],
    '/either': [checkAnyScope('reports', 'x')],
    '/twice': [checkScopes('orders:read'), checkScopes('orders:create')],
  }
  const metadata = 'audience' in options ? checks.protectedResource({ scopes: ['orders:read'] }) : undefined
  const server = createServer(async (request, response) => {
    if (metadata?.(request, response)) return
    const path = String(request.url).split('?')[0] as keyof typeof routes
    let user: string | null | undefined
    for (const check of routes[path]) {
      const token = await check(request, response)
      if (!token) return
      user = token.userId
    }
    response.end(JSON.stringify({ user }))
  })
  return { server, checks }
}

guards(t, serve)
