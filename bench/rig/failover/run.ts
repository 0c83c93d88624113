import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { createDatabase } from '../../databases.ts'
import { loop } from '../load.ts'
import type { Node } from '../nodes.ts'
import { createVerifier, type RigToken, type Verifier } from '../verifier.ts'
import { createWorld, type World } from '../world.ts'
import { createWriter } from '../writer.ts'
import { audit, MAX_DELAY_MS, wasHeard } from './audit.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { type Bound, beyond, describeLosses } from './loss.ts'
import { type Readiness, watchReadiness } from './readiness.ts'
import type { Scenario } from './scenarios.ts'
import { openServers, type Servers, serverUrl } from './servers.ts'
import type { Access, Way } from './ways.ts'

export interface RunOptions {
  scenario: Scenario
  way: Way
  asynchronous: boolean
  broken: boolean
  defer: (work: () => unknown) => void
  say: (text: string) => void
}

/** What a run looks for. */
export type Property = 'loss' | 'recovery' | 'readiness'
export type Violations = Record<Property, string[]>

interface Running {
  options: RunOptions
  servers: Servers
  access: Access
  world: World
  ledger: Ledger
  verifier: Verifier
  readiness: Readiness
  /** When the primary goes, monotonic, in milliseconds. */
  failure: { at: number }
}

const COMMAND = resolve(import.meta.dirname, '../../../bin/postern.js')
const WRITERS = 6
const STEADY = 20
const LOAD_MS = 4_000
const OUTAGE_MS = 3_000
const STOP_MS = 5_000
/** After the promotion, each node must serve within this time. */
const MAX_RECOVERY_MS = 10_000
/** A guard that has lost the feed relies on lists for this long, */
const TTL_SECONDS = 2
/** and on the feed for `MAX_DELAY_MS` otherwise. */
const BOUND_MS = TTL_SECONDS * 1_000 + MAX_DELAY_MS
/**
 * The primary may go before a guard hears of a revocation that was just acknowledged. While the issuer has no database, guards
 * rely on what they know (docs/resource-servers.md), so it counts from when nodes serve again.
 */
const UNHEARD_BOUND_MS = MAX_DELAY_MS + OUTAGE_MS + MAX_RECOVERY_MS + BOUND_MS

/**
 * Takes the primary away under load and promotes its standby. Every node has to serve by itself again, what nodes say of
 * themselves has to be true, and what was acknowledged has to be there: no issued token is missing, and no revoked one is
 * accepted.
 */
export async function runFailover(options: RunOptions): Promise<Violations> {
  const { broken, defer, asynchronous } = options
  const servers = await openServers({ asynchronous, defer })
  const { primary } = servers
  const database = new URL((await createDatabase(serverUrl(primary.host))).url).pathname.slice(1)
  const access = await options.way.open(servers, database, defer)
  // A node that was given the address of one server only does not come back.
  const lastNodeUrl = broken ? serverUrl(servers.hosts[0], database) : undefined
  const world = await createWorld({ database: access, lastNodeUrl, ttl: TTL_SECONDS, broken: false, defer })
  // Nothing may wait for a server that is cut off.
  defer(() => servers.network.call('drop'))
  const ledger = createLedger()
  const verifier = createVerifier()
  const failure = { at: Number.POSITIVE_INFINITY }
  const isUnheard = (token: RigToken) => token.revokedAt !== undefined && !wasHeard(token, failure.at)
  verifier.begin(token => (isUnheard(token) ? UNHEARD_BOUND_MS : BOUND_MS))
  const ending = new AbortController()
  // A balancer that asks whether a node is alive believes that it is ready.
  const checks = world.nodes.map(({ url }, i) => `${url}/health/${broken && i === 0 ? 'live' : 'ready'}`)
  const readiness = watchReadiness(checks, ending.signal)
  const pool = { steady: await world.issue(STEADY), revoked: ledger.revoked }
  const writers = await startWriters(world, ledger, ending.signal)
  const readers = world.guards.map(guard => loop(guard, pool, verifier, ending.signal))
  try {
    return await strike({ options, servers, access, world, ledger, verifier, readiness, failure }, async () => {
      ending.abort()
      await Promise.all([...writers, ...readers, readiness.ended])
    })
  } finally {
    ending.abort()
  }
}

/** @param endLoad ends the load, and waits for its last responses */
async function strike(running: Running, endLoad: () => Promise<void>): Promise<Violations> {
  const { options, servers, access, world, ledger, readiness } = running
  const { asynchronous, broken, say } = options
  await pause(LOAD_MS)
  const lagMs = asynchronous ? await servers.lag() : undefined
  if (broken) servers.separate()
  if (broken) await pause(LOAD_MS / 2)

  const struckAt = performance.now()
  running.failure.at = struckAt
  await options.scenario.strike(servers)
  await pause(OUTAGE_MS)
  // A standby that lacks changes is a restored backup: the nodes stop first (docs/standby.md).
  if (asynchronous) await Promise.all(world.nodes.map(stop))
  const promotingAt = performance.now()
  servers.standby.promote()
  const promotedAt = performance.now()
  await access.promoted()
  if (asynchronous) await restart(world, broken)
  const servingAt = asynchronous ? performance.now() : promotedAt
  const timeoutMs = MAX_RECOVERY_MS + LOAD_MS
  const recoveredAt = await Promise.all(world.nodes.map(({ url }) => ledger.writtenAt(url, servingAt, timeoutMs)))
  await pause(LOAD_MS)
  await endLoad()

  const took = recoveredAt.map(at => (at ?? Number.POSITIVE_INFINITY) - promotedAt)
  for (const [i, ms] of took.entries()) {
    say(
      `  node ${i + 1}: unready after ${readiness.noticed(i, struckAt)} ms, writes ${ms.toFixed(0)} ms after the promotion`,
    )
  }
  const late = recoveredAt.flatMap((at, i) =>
    (at ?? Number.POSITIVE_INFINITY) - servingAt > MAX_RECOVERY_MS
      ? [`node ${i + 1} did not write within ${MAX_RECOVERY_MS} ms`]
      : [],
  )
  const phases = { struckAt, promotingAt, recoveredAt, restarted: asynchronous }
  const found = await judge(running, { struckAt, promotingAt, lagMs })
  return {
    loss: found.loss,
    recovery: [...late, ...found.others],
    readiness: readiness.violations(phases),
  }
}

/** Compares the ledger with what nodes and guards answer. */
async function judge(running: Running, bound: Bound) {
  const { world, ledger, verifier, options } = running
  await pause(TTL_SECONDS * 1_000)
  // A guard that follows a node which does not come back introspects each token, at times at that node, which takes long.
  const asked = options.broken ? { ...world, guards: [] } : world
  const { losses, forgotten, violations } = await audit(asked, ledger, bound.struckAt)
  const { say } = options
  const [revoked, live] = [ledger.revoked.length, ledger.live().length]
  say(`  acknowledged: ${live + revoked} issued, ${revoked} of them revoked; ${describeLosses(losses, bound)}`)
  const { requests, unavailable, latestAccepted } = verifier.result
  say(
    `  guards: ${requests} requests under load, ${unavailable} with status 503; a revoked token was accepted at most ` +
      `${latestAccepted.toFixed(0)} ms after its revocation`,
  )
  const forgot = forgotten.map(() => 'a guard accepts a token whose revocation it had heard of')
  // A guard may have missed those that were acknowledged within a second before the failure.
  const missed = losses.revocations.filter(entry => !wasHeard(entry, bound.struckAt))
  const accepted = verifier.result.violations.filter(text => !missed.some(({ reference }) => text.includes(reference)))
  return { loss: [...beyond(losses, bound), ...forgot, ...accepted], others: [...violations, ...ledger.violations] }
}

/** As an operator does; a node that waits for its database is not waited for. */
async function stop(node: Node): Promise<void> {
  const patience = new AbortController()
  const kill = pause(STOP_MS, undefined, { signal: patience.signal }).then(
    () => node.end('SIGKILL'),
    () => {},
  )
  await node.end('SIGTERM')
  patience.abort()
  await kill
}

/** Declares the database a restored one, and starts the nodes. */
async function restart({ nodes, environment }: World, broken: boolean): Promise<void> {
  await promisify(execFile)(process.execPath, [COMMAND, 'restored'], { env: { ...process.env, ...environment } })
  // The last one would wait for its database forever.
  await Promise.all((broken ? nodes.slice(0, -1) : nodes).map(node => node.start()))
}

/** Each writer has a user of its own, and one node. */
async function startWriters({ nodes, services }: World, ledger: Ledger, signal: AbortSignal): Promise<Promise<void>[]> {
  const writers = []
  for (let i = 0; i < WRITERS; i++) {
    const { url } = nodes[i % nodes.length] as World['nodes'][number]
    writers.push(ledger.write(url, await createWriter(services, i), signal))
  }
  return writers
}
