import { monitorEventLoopDelay } from 'node:perf_hooks'
import { answer, usageCall } from '../processes.ts'
import { openServer } from './server.ts'

const CLIENTS = 20

const server = await openServer()
const { clients, lists, tokens, users } = server.postern
/** When each change was in the lists of this node, in milliseconds since the epoch, by its sequence number. */
let emitted = new Map<number, number>()
const now = () => performance.timeOrigin + performance.now()
lists.observe(changes => {
  for (const { sequence } of changes) emitted.set(sequence, now())
})
let histogram = monitorEventLoopDelay({ resolution: 1 })
let owner: string | undefined

export const calls = answer(
  {
    listen: server.listen,
    /** `Authorization` of resource servers. */
    credentials: async () => {
      const made = Array.from({ length: CLIENTS }, (_, i) =>
        clients.create({ name: `API ${i}`, audience: `https://api-${i}.example.com` }),
      )
      return (await Promise.all(made)).map(
        ({ client, secret }) => `Basic ${Buffer.from(`${client.id}:${secret}`).toString('base64')}`,
      )
    },
    /** Revokes so many new tokens a second for some time. @returns how many */
    revoke: async ({ perSecond, seconds }: { perSecond: number; seconds: number }) => {
      owner ??= (await users.create({ email: 'ada@example.com', name: 'Ada', password: 'correct horse battery' })).id
      const user = { id: owner, role: 'user' as const }
      const count = perSecond * seconds
      const issued = await Promise.all(
        Array.from({ length: count }, (_, i) => tokens.issuePersonal({ user, name: `t ${i}`, scopes: [] })),
      )
      emitted = new Map()
      histogram = monitorEventLoopDelay({ resolution: 1 })
      histogram.enable()
      const start = performance.now()
      const pending: Promise<unknown>[] = []
      await new Promise<void>(resolve => {
        const timer = setInterval(() => {
          const due = Math.min(count, Math.floor(((performance.now() - start) / 1_000) * perSecond))
          while (pending.length < due) pending.push(tokens.revoke(user.id, issued[pending.length]!.token.id))
          if (pending.length < count) return
          clearInterval(timer)
          resolve()
        }, 5)
      })
      await Promise.all(pending)
      histogram.disable()
      return { count, delay: histogram.percentile(99) / 1e6 }
    },
    emitted: () => [...emitted],
    usage: usageCall(),
    collect: () => {
      globalThis.gc?.()
      return process.memoryUsage.rss()
    },
  },
  () => server.app.close(),
)
