import { createHook } from 'node:async_hooks'
import { passwordMatches } from '../../src/users/passwords.ts'

/** How many slow hashes are computed for this: what takes as long for one as for another computes as many. */
export async function slowHashes(work: () => Promise<unknown>): Promise<number> {
  // Kept from the first count: the decoy for users who do not exist.
  await passwordMatches(undefined, '')
  const one = await natively(() => passwordMatches(undefined, ''))
  const kind = [...one.keys()].find(type => type !== 'PROMISE')
  if (one.get(kind) !== 1) throw new Error('a slow hash is not seen at work')
  return (await natively(work)).get(kind) ?? 0
}

/** What went on beside JavaScript, by the kind that Node knows it as. */
async function natively(work: () => Promise<unknown>): Promise<Map<string | undefined, number>> {
  const begun = new Map<string | undefined, number>()
  const hook = createHook({ init: (_, type) => void begun.set(type, (begun.get(type) ?? 0) + 1) }).enable()
  await work()
  hook.disable()
  return begun
}
