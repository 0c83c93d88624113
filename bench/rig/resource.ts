import { readdirSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import Fastify from 'fastify'
import { checkScopes, guard, type RemoteOptions } from '../../packages/guard/src/index.ts'
import { answer } from '../processes.ts'
import type { Vitals } from './soak/vitals.ts'

/** Offset of the system clock in milliseconds, to simulate a change of the machine's clock. */
let offset = 0
const Real = Date
globalThis.Date = class extends Real {
  constructor(...args: [number]) {
    if (args.length > 0) super(...args)
    else super(Real.now() + offset)
  }

  static override now(): number {
    return Real.now() + offset
  }
} as DateConstructor

const app = Fastify()
const delay = monitorEventLoopDelay()

export const calls = answer(
  {
    /** @returns the URL that it listens on */
    async listen(options: RemoteOptions): Promise<string> {
      await app.register(guard, options)
      app.get('/orders', { preHandler: checkScopes('orders:read') }, async () => ({ id: 1, total: 4200 }))
      return app.listen({ port: 0, host: '127.0.0.1' })
    },
    /** @param by milliseconds */
    moveClock(by: number) {
      offset += by
    },
    /** What the process holds, and the delay of its event loop since the last call. */
    vitals() {
      const lagMs = delay.percentile(99) / 1e6
      delay.reset()
      delay.enable()
      return {
        memory: process.memoryUsage.rss(),
        descriptors: readdirSync('/proc/self/fd').length,
        resources: process.getActiveResourcesInfo().length,
        lagMs,
      } satisfies Vitals
    },
  },
  async () => {
    await app.close()
  },
)
