import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createRemote, type RemoteOptions } from '../../packages/guard/src/index.ts'
import { loadConfig } from '../../src/config/config.ts'
import { createServices } from '../../src/services.ts'
import { answer } from '../processes.ts'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** What lies beside JavaScript's memory goes only after what held it has gone. */
async function collect(): Promise<void> {
  for (let times = 0; times < 5; times++) {
    gc()
    await new Promise(setImmediate)
  }
}

/** Bytes that work leaves behind, in JavaScript's memory and beside it. */
async function left(work: () => Promise<unknown>): Promise<number> {
  await collect()
  const before = process.memoryUsage()
  await work()
  await collect()
  const after = process.memoryUsage()
  return after.heapUsed + after.external - before.heapUsed - before.external
}

/** Done once before, so that what a process loads and compiles only once is not counted. */
async function twice(work: () => Promise<{ measured: number; close(): Promise<void> }>): Promise<number> {
  await (await work()).close()
  const { measured, close } = await work()
  await close()
  return measured
}

export const calls = answer(
  {
    /** What the lists take in a node. */
    node: () =>
      twice(async () => {
        const services = await createServices({ config: loadConfig() })
        return { measured: await left(() => services.lists.catchUp()), close: services.close }
      }),
    /** What they take in a resource server. @param texts one token of each list */
    guard: ({ texts, ...options }: RemoteOptions & { texts: string[] }) =>
      twice(async () => {
        const remote = createRemote(options)
        await remote.ready()
        const measured = await left(async () => {
          for (const text of texts) await remote.authenticate(text)
        })
        return { measured, close: remote.close }
      }),
  },
  async () => {},
)
