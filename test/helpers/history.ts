import fc from 'fast-check'
import type { Test } from 'tap'
import type { Services } from '../../src/services.ts'
import type { User } from '../../src/users/user.entity.ts'
import { lateAfter } from './late.ts'

/** What a step does to the server and to the model; picks whom and what by number, so that any number fits. */
export type Step<World> = (world: World) => Promise<void>

/** A number to pick by. */
export const one = fc.nat(50)
export const pick = <T>(list: readonly T[], index: number) => list[index % list.length] as T

/** @throws when the server and the model disagree */
export function expect<T>(actual: T, wanted: T): T {
  if (actual !== wanted) throw new Error(`the answer was ${actual}, the model says ${wanted}`)
  return actual
}

/** Disables somebody, or enables them again. */
export const switchUser = ({ users }: Services) =>
  fc.tuple(one, fc.boolean()).map(
    ([who, on]): Step<{ people: { user: User; disabled: boolean }[] }> =>
      async ({ people }) => {
        const person = pick(people, who)
        await (on ? users.enable(person.user.id) : users.disable(person.user.id))
        person.disabled = !on
      },
  )

export interface Histories<World> {
  steps: fc.Arbitrary<Step<World>>
  begin: () => Promise<World>
  /** After every step. @throws when the server and the model disagree */
  check: (world: World) => Promise<void>
}

/** Runs random histories, each in a world of its own. */
export async function runHistories<World>(t: Test, { steps, begin, check }: Histories<World>): Promise<void> {
  let taken = 0
  const late = lateAfter(60_000)
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 5, maxLength: 20 }), async history => {
      if (late()) return
      const world = await begin()
      for (const step of history) {
        await step(world)
        await check(world)
        taken++
      }
    }),
    { numRuns: 12 },
  )
  t.ok(taken > 50, `${taken} steps were taken`)
}
