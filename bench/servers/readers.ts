import { monitorEventLoopDelay } from 'node:perf_hooks'
import { answer, usageCall } from '../processes.ts'
import { openServer } from './server.ts'

const server = await openServer()
const RESOLUTION_MS = 1
const FILLED = `select id, status_list as list from oauth_access_tokens where name like 'bench %' and not revoked limit 1`
let histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })

export const calls = answer(
  {
    listen: server.listen,
    /** A token of the user of the filled tokens, one that it may change, and the list of that one. */
    pair: async () => {
      const { users, tokens, db } = server.postern
      const user = (await users.findByEmail('ada@example.com'))!
      const { plainText: owner } = await tokens.issuePersonal({ user, name: 'bench', scopes: ['tokens:write'] })
      const [filled] = await db.query<{ id: string; list: number }>(FILLED)
      return { owner, ...filled! }
    },
    watch: () => {
      histogram.disable()
      histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
      histogram.enable()
    },
    /** Milliseconds of delay of the event loop since `watch`. */
    delays: () => {
      histogram.disable()
      const ms = (nanoseconds: number) => nanoseconds / 1e6
      return { p50: ms(histogram.percentile(50)), p99: ms(histogram.percentile(99)), max: ms(histogram.max) }
    },
    usage: usageCall(),
  },
  () => server.app.close(),
)
