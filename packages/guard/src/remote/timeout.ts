import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * What `work` settles with, or undefined when it takes longer than `ms`; it then goes on, unheard. What arrived while
 * this process was busy is read before time is up.
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
