import { fetchStatus } from '../http.ts'
import type { RigToken } from '../verifier.ts'
import type { World } from '../world.ts'
import type { Entry, Ledger } from './ledger.ts'

const ACCEPTED = 200
const REJECTED = 401
const CONCURRENT = 8
const MAX_FAILURES = 20
/** The guards have heard of a revocation this many milliseconds after its response, as the README says. */
export const MAX_DELAY_MS = 1_000

/** Whether the guards had the time to hear of a revocation. @param struckAt when the primary went, monotonic */
export const wasHeard = ({ revokedAt = Number.POSITIVE_INFINITY }: RigToken, struckAt: number): boolean =>
  revokedAt < struckAt - MAX_DELAY_MS

/** What was acknowledged and is not there any more. */
export interface Losses {
  issues: Entry[]
  revocations: Entry[]
}

export interface Audit {
  losses: Losses
  /** Lost revocations that a guard accepts, although it had the time to hear of them. */
  forgotten: Entry[]
  /** Other responses that must not occur. */
  violations: string[]
}

type Place = World['guards'][number] & { isGuard: boolean }

/** Asks every node and every guard for every token of the ledger. @param struckAt when the primary went, monotonic */
export async function audit({ nodes, guards }: World, ledger: Ledger, struckAt: number): Promise<Audit> {
  const places = [
    ...nodes.map(({ url }, i) => ({ name: `node ${i + 1}`, url: `${url}/api/tokens/current`, isGuard: false })),
    ...guards.map(({ name, url }) => ({ name, url: `${url}/orders`, isGuard: true })),
  ] as Place[]
  const issues = new Set<Entry>()
  const revocations = new Set<Entry>()
  const forgotten = new Set<Entry>()
  const violations: string[] = []

  function judge({ isGuard, name }: Place, entry: Entry, status: number, expected: number): void {
    if (status === expected) return
    const isOpposite = [ACCEPTED, REJECTED].includes(status)
    if (isOpposite && !isGuard) return void (expected === ACCEPTED ? issues : revocations).add(entry)
    // Of a token whose issue is lost, guards that verify its signature know nothing, and those that introspect refuse it.
    if (isOpposite && issues.has(entry)) return
    const heard = wasHeard(entry, struckAt)
    if (isOpposite && revocations.has(entry)) return void (heard && forgotten.add(entry))
    // Issue and revocation are lost: nodes know nothing of the token, and guards verify its signature.
    if (isOpposite && isGuard && !heard) return void revocations.add(entry)
    const what = expected === ACCEPTED ? 'issued' : 'revoked'
    violations.push(`${name} answers ${status} for a token that was ${what}`)
  }

  const askAll = async (chosen: Place[]) => {
    const ask = async (place: Place) => {
      const left = [...ledger.live(), ...ledger.revoked]
      let failures = 0
      // A node that does not serve would take seconds for each answer.
      while (left.length > 0 && failures < MAX_FAILURES) {
        const batch = left.splice(0, CONCURRENT)
        const statuses = await Promise.all(batch.map(entry => statusAt(place, entry)))
        for (const [i, status] of statuses.entries()) {
          const entry = batch[i] as Entry
          judge(place, entry, status, entry.revokedAt === undefined ? ACCEPTED : REJECTED)
          if (![ACCEPTED, REJECTED].includes(status)) failures++
        }
      }
    }
    await Promise.all(chosen.map(ask))
  }
  // The nodes first: what they have lost, guards may still know.
  await askAll(places.filter(({ isGuard }) => !isGuard))
  await askAll(places.filter(({ isGuard }) => isGuard))
  return { losses: { issues: [...issues], revocations: [...revocations] }, forgotten: [...forgotten], violations }
}

const statusAt = ({ url }: Place, { text }: Entry) => fetchStatus('GET', url, text).catch(() => 0)
