import { setTimeout as pause } from 'node:timers/promises'
import { NO_REPLICATION, openReplication } from '../../test/helpers/replication.ts'
import { fetchStatus } from './http.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { watchReadiness } from './readiness.ts'
import { createWorld, type World } from './world.ts'

interface FailoverOptions {
  /** The standby stops following before the primary is killed. */
  broken: boolean
  defer: (work: () => unknown) => void
  say: (text: string) => void
}

const WRITERS = 6
const LOAD_MS = 4_000
const OUTAGE_MS = 3_000
/** After the promotion, each node must serve within this time. */
const MAX_RECOVERY_MS = 10_000
/** A guard that has lost the feed relies on lists for this long. */
const TTL_SECONDS = 2
const ACCEPTED = 200
const REJECTED = 401

/**
 * Kills the primary under load and promotes its synchronous standby. Every node has to serve by itself again, and what was
 * acknowledged has to be there: no issued token is missing, and no revoked one is accepted.
 * @returns the number of violations
 */
export async function failover({ broken, defer, say }: FailoverOptions): Promise<number> {
  if (NO_REPLICATION) throw new Error(NO_REPLICATION)
  const pair = await openReplication({ teardown: defer })
  const world = await createWorld({ pair, ttl: TTL_SECONDS, broken: false, defer })
  const ledger = createLedger()
  const ending = new AbortController()
  const writers = await startWriters(world, ledger, ending.signal)
  const readiness = watchReadiness(world.nodes, ending.signal)
  await pause(LOAD_MS)
  if (broken) pair.separate()
  if (broken) await pause(LOAD_MS / 2)

  const killedAt = performance.now()
  pair.primary.kill()
  await pause(OUTAGE_MS)
  const promotingAt = performance.now()
  pair.standby.promote()
  const promotedAt = performance.now()
  const recovered = await Promise.all(
    world.nodes.map(({ url }) => ledger.writtenAt(url, promotedAt, MAX_RECOVERY_MS + LOAD_MS)),
  )
  await pause(LOAD_MS)
  ending.abort()
  await Promise.all([...writers, readiness.ended])

  const violations = [...readiness.violations(killedAt, promotingAt), ...ledger.violations]
  for (const [i, at] of recovered.entries()) {
    const took = at === undefined ? Number.POSITIVE_INFINITY : at - promotedAt
    say(
      `node ${i + 1}: not ready after ${readiness.noticed(i, killedAt)} ms, writes ${took.toFixed(0)} ms after the promotion`,
    )
    if (took > MAX_RECOVERY_MS) violations.push(`node ${i + 1} did not write within ${MAX_RECOVERY_MS} ms`)
  }
  await pause(TTL_SECONDS * 1_000)
  violations.push(...(await audit(world, ledger)))
  say(`acknowledged: ${ledger.live().length + ledger.revoked().length} issued, ${ledger.revoked().length} revoked`)
  for (const what of new Set(violations)) {
    say(`VIOLATION, ${violations.filter(other => other === what).length} times: ${what}`)
  }
  if (violations.length === 0) say('Nothing that was acknowledged is lost, and every node serves again.')
  return violations.length
}

/** Each writer has a user of its own, and one node. */
async function startWriters({ nodes, services }: World, ledger: Ledger, signal: AbortSignal): Promise<Promise<void>[]> {
  const writers = []
  for (let i = 0; i < WRITERS; i++) {
    const user = await services.users.create({
      email: `writer${i}@example.com`,
      name: 'Writer',
      password: crypto.randomUUID(),
      role: 'user',
    })
    const scopes = ['orders:read', 'tokens:read', 'tokens:write']
    const { plainText } = await services.tokens.issuePersonal({ user, name: 'writer', scopes })
    const { url } = nodes[i % nodes.length] as World['nodes'][number]
    writers.push(ledger.write(url, plainText, signal))
  }
  return writers
}

/** Asks every node and every guard for every token of the ledger. @returns what must not be */
async function audit({ nodes, guards }: World, ledger: Ledger): Promise<string[]> {
  const places = [
    ...nodes.map(({ url }, i) => ({ name: `node ${i + 1}`, url: `${url}/api/tokens/current` })),
    ...guards.map(({ name, url }) => ({ name, url: `${url}/orders` })),
  ]
  const violations: string[] = []
  const check = async (texts: string[], expected: number, what: string) => {
    for (const { name, url } of places) {
      for (const text of texts) {
        const status = await fetchStatus('GET', url, text)
        if (status !== expected) violations.push(`${name} answers ${status} for a token that ${what}`)
      }
    }
  }
  await check(ledger.live(), ACCEPTED, 'was issued')
  await check(ledger.revoked(), REJECTED, 'was revoked')
  return violations
}
