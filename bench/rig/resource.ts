import Fastify from 'fastify'
import { checkScopes, guard, type RemoteOptions } from '../../packages/guard/src/index.ts'
import { answer } from '../processes.ts'

/** A clock that can be moved, as the one of a machine can; the guard knows nothing of it. */
let offset = 0
const Real = Date
globalThis.Date = class extends Real {
  constructor(...given: [number]) {
    if (given.length > 0) super(...given)
    else super(Real.now() + offset)
  }

  static override now(): number {
    return Real.now() + offset
  }
} as DateConstructor

const app = Fastify()

export const calls = answer(
  {
    /** @returns where it listens */
    async listen(options: RemoteOptions): Promise<string> {
      await app.register(guard, options)
      app.get('/orders', { preHandler: checkScopes('orders:read') }, async () => ({ id: 1, total: 4200 }))
      return app.listen({ port: 0, host: '127.0.0.1' })
    },
    /** @param by milliseconds */
    moveClock(by: number) {
      offset += by
    },
  },
  async () => {
    await app.close()
  },
)
