import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createRemote, type RemoteOptions } from '../../packages/guard/src/index.ts'
import { loadConfig } from '../../src/config/config.ts'
import { createServices } from '../../src/services.ts'
import { answer } from '../processes.ts'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

/** Runs the garbage collector several times, since external memory is freed only after the objects that own it. */
async function collect(): Promise<void> {
  for (let times = 0; times < 5; times++) {
    gc()
    await new Promise(setImmediate)
  }
}

/** The heap and external memory in bytes that remain allocated after the work. */
async function retained(work: () => Promise<unknown>): Promise<number> {
  await collect()
  const before = process.memoryUsage()
  await work()
  await collect()
  const after = process.memoryUsage()
  return after.heapUsed + after.external - before.heapUsed - before.external
}

/** Runs the work once before measuring, so that one-time loading and compiling is not counted. */
async function twice(work: () => Promise<{ measured: number; close(): Promise<void> }>): Promise<number> {
  await (await work()).close()
  const { measured, close } = await work()
  await close()
  return measured
}

export const calls = answer(
  {
    /** The memory of the status lists in a node. */
    node: () =>
      twice(async () => {
        const services = await createServices({ config: loadConfig() })
        return { measured: await retained(() => services.lists.catchUp()), close: services.close }
      }),
    /** Their memory in a resource server. @param texts one token of each list */
    guard: ({ texts, ...options }: RemoteOptions & { texts: string[] }) =>
      twice(async () => {
        const remote = createRemote(options)
        await remote.ready()
        const measured = await retained(async () => {
          for (const text of texts) await remote.authenticate(text)
        })
        return { measured, close: remote.close }
      }),
  },
  async () => {},
)
