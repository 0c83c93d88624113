import { setTimeout as pause } from 'node:timers/promises'
import { Command, InvalidArgumentError } from 'commander'
import { readClusterStatus } from '../src/status/cluster-status.ts'
import { machine } from './machine.ts'
import { addFailover } from './rig/failover/command.ts'
import { type Fault, faults } from './rig/faults.ts'
import { closeConnections, followFeed } from './rig/http.ts'
import { loop, type Pool, revoke, sendRequest, untilRejected } from './rig/load.ts'
import { restore } from './rig/restore.ts'
import { soak } from './rig/soak/soak.ts'
import { createVerifier, type RigToken, type Verifier } from './rig/verifier.ts'
import { createWorld, type World } from './rig/world.ts'
import { percentile } from './rounds.ts'

interface Options {
  revocations: number
  pause: number
  ttl: number
  server?: string
  faults: boolean
  break?: true
}

/** Maximum revocation delay while the feed is connected; without the feed, it is added to the `ttl` of a list. */
const MAX_DELAY_MS = 1_000
const STEADY = 20
const REVOKERS = 3
const EACH_FAULT = 20
const BETWEEN_MS = 50
const SETTLE_MS = 1_500

const number = (text: string) => {
  if (/^\d{1,6}$/.test(text) && Number(text) > 0) return Number(text)
  throw new InvalidArgumentError('It must be a whole number above 0.')
}

const program = new Command('rig')
  .enablePositionalOptions()
  .description(
    'Measures the delay of revocations with three nodes and three resource servers on one PostgreSQL, also during faults.',
  )
  .option('--revocations <count>', 'revocations under load', number, 1_000)
  .option('--pause <seconds>', 'how long a resource server is paused', number, 60)
  .option('--ttl <seconds>', 'how long a status list may be cached', number, 15)
  .option('--server <url>', 'a PostgreSQL to use; it is not restarted (default: a temporary one)')
  .option('--no-faults', 'only measure, without faults')
  .option('--break', 'the first resource server does not follow the feed, so the run must fail')
  .action(run)
addFailover(program, { inWorld, say })
program
  .command('restore')
  .description('Revokes tokens after a backup, restores it, and looks for what the guards and the issuer accept.')
  .option('--break', 'the restore is declared without --collect, so the run must fail')
  .action(({ break: broken = false }) => inWorld(defer => restore({ broken, defer, say })))
program
  .command('soak')
  .description('Runs an even load, and looks whether memory, handles, connections or the event loop grow.')
  .option('--minutes <count>', 'how long', number, 30)
  .option('--break', 'readers of the feed connect and stay, so the run must fail')
  .action(({ minutes, break: broken = false }) => inWorld(defer => soak({ minutes, broken, defer, say })))
await program.parseAsync()

/** @param work returns the number of violations */
async function inWorld(work: (defer: (work: () => unknown) => void) => Promise<number>): Promise<void> {
  const deferred: (() => unknown)[] = []
  const cleanUp = async () => {
    for (const work of deferred.splice(0).reverse()) await work()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void cleanUp().finally(() => process.exit(130)))
  }
  try {
    const violations = await work(work => void deferred.push(work))
    if (violations > 0) say(`\n${violations} violations.`)
    process.exitCode = violations === 0 ? 0 : 1
  } finally {
    closeConnections()
    await cleanUp()
  }
}

function run(options: Options): Promise<void> {
  const { server, ttl, break: broken = false } = options
  return inWorld(async defer => {
    const world = await createWorld({ server, ttl, broken, defer })
    say(`${await machine(world.databaseUrl)}\n`)
    const violations = await runAll(world, options)
    if (violations === 0) say('\nAll revocations were within their bounds.')
    return violations
  })
}

async function runAll(world: World, options: Options): Promise<number> {
  const verifier = createVerifier()
  verifier.begin(MAX_DELAY_MS)
  const pool: Pool = { steady: await world.issue(STEADY), revoked: [] }
  const ending = new AbortController()
  const loops = world.guards.map(guard => loop(guard, pool, verifier, ending.signal))
  try {
    let violations = await measure(world, pool, verifier, options)
    const boundWithoutFeed = options.ttl * 1000 + MAX_DELAY_MS
    for (const fault of options.faults ? faults(world, options.pause) : []) {
      violations += await runFault(world, pool, verifier, fault, boundWithoutFeed)
    }
    return violations
  } finally {
    ending.abort()
    closeConnections()
    await Promise.all(loops)
  }
}

/** Measures revocations under load, in three concurrent loops. */
async function measure(world: World, pool: Pool, verifier: Verifier, { revocations, ttl }: Options): Promise<number> {
  const waiting = await world.issue(revocations)
  const arrivals = new Map<string, number[]>()
  const ending = new AbortController()
  const recordArrival = (reference: string, at: number) =>
    void arrivals.set(reference, [...(arrivals.get(reference) ?? []), at])
  for (const { url } of world.nodes) {
    followFeed(url, world.authorization, recordArrival, ending.signal).catch(() => {})
  }
  await pause(SETTLE_MS)
  const rejections: number[][] = world.guards.map(() => [])
  const timeoutMs = ttl * 1000 + MAX_DELAY_MS * 2
  const feed: number[] = []
  async function revoker(first: number): Promise<void> {
    for (let token = waiting.pop(); token; token = waiting.pop()) {
      // Each guard has the token cached, so that the revocation is measured and not the first verification.
      await Promise.all(world.guards.map(guard => sendRequest(guard, token as RigToken, verifier)))
      const at = await revoke(world, token, first++)
      pool.revoked.push(token)
      const took = await Promise.all(
        world.guards.map(guard => untilRejected(guard, token as RigToken, verifier, timeoutMs)),
      )
      for (const [i, ms] of took.entries()) rejections[i]?.push(ms)
      for (const arrivedAt of arrivals.get(token.reference) ?? []) feed.push(Math.max(0, arrivedAt - at))
    }
  }
  await Promise.all(Array.from({ length: REVOKERS }, (_, i) => revoker(i)))
  ending.abort()
  // Waits until each node has written its heartbeat.
  await pause(SETTLE_MS)
  const { newest, nodes, seenBy, latencyMs } = await readClusterStatus(world.services.db)
  say(`${revocations} revocations under load, measured from the 204 response`)
  for (const [i, guard] of world.guards.entries()) say(figures(`  rejected by ${guard.name}`, rejections[i] ?? []))
  say(
    figures(
      '  rejected by all three',
      (rejections[0] ?? []).map((_, n) => Math.max(...rejections.map(each => each[n] ?? 0))),
    ),
  )
  say(figures('  received from the feed of each node', feed))
  say(`  change ${newest?.sequence}: seen by ${seenBy} of ${nodes.length} nodes in ${latencyMs?.toFixed(1)} ms`)
  return report(verifier)
}

/** Injects a fault, with revocations before, during and after it, and verifies responses until the bound has passed. */
async function runFault(
  world: World,
  pool: Pool,
  verifier: Verifier,
  { name, happen }: Fault,
  bound: number,
): Promise<number> {
  const waiting = await world.issue(EACH_FAULT)
  verifier.begin(bound)
  say(`\n${name}`)
  let isOver = false
  const revoking = (async () => {
    for (let i = 0; waiting.length > 0 || !isOver; i++) {
      const token = waiting.pop()
      if (token) await revoke(world, token, i)
      if (token) pool.revoked.push(token)
      await pause(BETWEEN_MS * 4)
    }
  })()
  await pause(SETTLE_MS)
  await happen(world).finally(() => {
    isOver = true
  })
  await revoking
  await pause(bound + SETTLE_MS)
  return report(verifier)
}

function report(verifier: Verifier): number {
  const { requests, unavailable, failed, latestAccepted, longestRejected, violations } = verifier.result
  say(
    `  ${requests} requests: ${unavailable} with status 503, ${failed} without a response. A revoked token was accepted at ` +
      `most ${latestAccepted.toFixed(0)} ms after the 204, a valid token was rejected for ${longestRejected.toFixed(0)} ms`,
  )
  for (const violation of violations.slice(0, 5)) say(`  VIOLATION: ${violation}`)
  if (violations.length > 5) say(`  … and ${violations.length - 5} more`)
  return violations.length
}

function figures(name: string, times: number[]): string {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (part: number) => percentile(sorted, part).toFixed(1)
  return `${name}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
