import { setTimeout as pause } from 'node:timers/promises'
import { Command, InvalidArgumentError } from 'commander'
import { readClusterStatus } from '../src/status/cluster-status.ts'
import { machine } from './machine.ts'
import { type Fault, faults } from './rig/faults.ts'
import { followFeed, hangUp } from './rig/http.ts'
import { createJudge, type Judge, type RigToken } from './rig/judge.ts'
import { askOnce, loop, type Pool, revoke, untilRefused } from './rig/load.ts'
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

/** What is promised while the feed runs, and what is added to the time that a list may be kept when it does not. */
const PROMISED_MS = 1_000
const STEADY = 20
const REVOKERS = 3
const EACH_FAULT = 20
const BETWEEN_MS = 50
const SETTLE_MS = 1_500

const number = (text: string) => {
  if (/^\d{1,6}$/.test(text) && Number(text) > 0) return Number(text)
  throw new InvalidArgumentError('It must be a whole number above 0.')
}

await new Command('rig')
  .description(
    'Three nodes and three resource servers on one PostgreSQL: how soon a revocation is obeyed, also in faults.',
  )
  .option('--revocations <count>', 'revocations under load', number, 1_000)
  .option('--pause <seconds>', 'how long a resource server is paused', number, 60)
  .option('--ttl <seconds>', 'how long a status list may be kept', number, 15)
  .option('--server <url>', 'a PostgreSQL to use; it is not restarted (default: one of its own)')
  .option('--no-faults', 'only measure')
  .option('--break', 'the first resource server does not follow the feed: the check must fail')
  .action(run)
  .parseAsync()

async function run(options: Options): Promise<void> {
  const deferred: (() => unknown)[] = []
  const cleanUp = async () => {
    for (const work of deferred.splice(0).reverse()) await work()
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void cleanUp().finally(() => process.exit(130)))
  }
  try {
    const { server, ttl, break: broken = false } = options
    const world = await createWorld({ server, ttl, broken, defer: work => void deferred.push(work) })
    say(`${await machine(world.databaseUrl)}\n`)
    const violations = await shake(world, options)
    say(violations === 0 ? '\nEvery bound was kept.' : `\n${violations} violations.`)
    process.exitCode = violations === 0 ? 0 : 1
  } finally {
    hangUp()
    await cleanUp()
  }
}

async function shake(world: World, options: Options): Promise<number> {
  const judge = createJudge()
  judge.begin(PROMISED_MS)
  const pool: Pool = { steady: await world.issue(STEADY), revoked: [] }
  const ending = new AbortController()
  const loops = world.guards.map(guard => loop(guard, pool, judge, ending.signal))
  try {
    let violations = await measure(world, pool, judge, options)
    const without = options.ttl * 1000 + PROMISED_MS
    for (const fault of options.faults ? faults(world, options.pause) : []) {
      violations += await suffer(world, pool, judge, fault, without)
    }
    return violations
  } finally {
    ending.abort()
    hangUp()
    await Promise.all(loops)
  }
}

/** Revocations under load, one after the other in each of three loops. */
async function measure(world: World, pool: Pool, judge: Judge, { revocations, ttl }: Options): Promise<number> {
  const waiting = await world.issue(revocations)
  const heard = new Map<string, number[]>()
  const ending = new AbortController()
  const note = (place: string, at: number) => void heard.set(place, [...(heard.get(place) ?? []), at])
  for (const { url } of world.nodes) {
    followFeed(url, world.authorization, note, ending.signal).catch(() => {})
  }
  await pause(SETTLE_MS)
  const refusals: number[][] = world.guards.map(() => [])
  const most = ttl * 1000 + PROMISED_MS * 2
  const feed: number[] = []
  async function revoker(first: number): Promise<void> {
    for (let token = waiting.pop(); token; token = waiting.pop()) {
      // Known there beforehand: what is measured is the revocation and not a first look.
      await Promise.all(world.guards.map(guard => askOnce(guard, token as RigToken, judge)))
      const at = await revoke(world, token, first++)
      pool.revoked.push(token)
      const took = await Promise.all(world.guards.map(guard => untilRefused(guard, token as RigToken, judge, most)))
      for (const [i, ms] of took.entries()) refusals[i]?.push(ms)
      for (const arrived of heard.get(token.place) ?? []) feed.push(Math.max(0, arrived - at))
    }
  }
  await Promise.all(Array.from({ length: REVOKERS }, (_, i) => revoker(i)))
  ending.abort()
  // A node says where it is within a tenth of a second.
  await pause(SETTLE_MS)
  const { newest, nodes, seenBy, seenIn } = await readClusterStatus(world.services.db)
  say(`${revocations} revocations under load, from the 204 on`)
  for (const [i, guard] of world.guards.entries()) say(figures(`  refused by ${guard.name}`, refusals[i] ?? []))
  say(
    figures(
      '  refused by all three',
      (refusals[0] ?? []).map((_, n) => Math.max(...refusals.map(each => each[n] ?? 0))),
    ),
  )
  say(figures('  told by the feed of each node', feed))
  say(`  change ${newest?.sequence}: seen by ${seenBy} of ${nodes.length} nodes in ${seenIn?.toFixed(1)} ms`)
  return report(judge)
}

/** A fault, with revocations before, during and after it, judged until everything has had the time that is promised. */
async function suffer(world: World, pool: Pool, judge: Judge, { name, happen }: Fault, bound: number): Promise<number> {
  const waiting = await world.issue(EACH_FAULT)
  judge.begin(bound)
  say(`\n${name}`)
  let over = false
  const revoking = (async () => {
    for (let i = 0; waiting.length > 0 || !over; i++) {
      const token = waiting.pop()
      if (token) await revoke(world, token, i)
      if (token) pool.revoked.push(token)
      await pause(BETWEEN_MS * 4)
    }
  })()
  await pause(SETTLE_MS)
  await happen(world).finally(() => {
    over = true
  })
  await revoking
  await pause(bound + SETTLE_MS)
  return report(judge)
}

function report(judge: Judge): number {
  const { requests, unavailable, failed, latestAccepted, longestRefused, violations } = judge.verdict
  say(
    `  ${requests} requests, ${unavailable} answered 503, ${failed} not at all; accepted at most ` +
      `${latestAccepted.toFixed(0)} ms after a 204, a good token refused for ${longestRefused.toFixed(0)} ms`,
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
