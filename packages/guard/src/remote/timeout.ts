import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * Settles like `work`, or resolves with undefined when it takes longer than `ms` milliseconds. `work` then continues, and its
 * result is ignored. Data that arrived while this process was busy is processed before the timeout counts.
 */
export async function valueWithin<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  let done = false
  const settled = work.finally(() => {
    done = true
  })
  settled.catch(() => {})
  const timeout = new Promise<undefined>(resolve => {
    timer = setTimeout(async () => {
      for (let turn = 0; turn < 20 && !done; turn++) await nextTurn()
      resolve(undefined)
    }, ms)
  })
  return Promise.race([settled, timeout]).finally(() => clearTimeout(timer))
}
