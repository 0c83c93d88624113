import { setTimeout as pause } from 'node:timers/promises'
import { machine } from '../../machine.ts'
import { fetchStatus, followFeed } from '../http.ts'
import { loop, type Pool, revoke, sendRequest } from '../load.ts'
import { rigToken } from '../token.ts'
import { createVerifier, type Verifier } from '../verifier.ts'
import { createWorld, type World } from '../world.ts'
import { createWriter, issueAt } from '../writer.ts'
import { judge } from './verdict.ts'
import { readVitals, type Sample } from './vitals.ts'

export interface SoakOptions {
  minutes: number
  /** Readers of the feed connect and stay, so the run must fail. */
  broken: boolean
  defer: (work: () => unknown) => void
  say: (text: string) => void
}

const WRITERS = 6
const STEADY = 20
const MAX_DELAY_MS = 1_000
const TTL_SECONDS = 15
const SAMPLE_MS = 5_000
const WRITE_MS = 100
const READ_MS = 5
const READER_MS = 500
/** Readers that stay, in a broken run: fewer than a client may have at three nodes. */
const LEAKED = 600
/** Revoked tokens that are remembered: more than the loops send. */
const MAX_REVOKED = 500
const REPORT_EVERY = 24
/** So few that the caches are full after a minute. */
const CACHED_TOKENS = 1_000

interface Soak {
  world: World
  pool: Pool
  verifier: Verifier
  signal: AbortSignal
}

/**
 * Runs nodes and guards under an even load: tokens are issued, used, listed and revoked, and readers of the feed come and
 * go. What the processes hold has to be the same in the end.
 * @returns the number of violations
 * @throws Error if something was broken on purpose and nothing was found
 */
export async function soak({ minutes, broken, defer, say }: SoakOptions): Promise<number> {
  const world = await createWorld({ ttl: TTL_SECONDS, cachedTokens: CACHED_TOKENS, broken: false, defer })
  say(`${await machine(world.databaseUrl)}\n`)
  const ending = new AbortController()
  const verifier = createVerifier()
  verifier.begin(MAX_DELAY_MS)
  const pool: Pool = { steady: await world.issue(STEADY), revoked: [] }
  const running = { world, pool, verifier, signal: ending.signal }
  const writers = Array.from({ length: WRITERS }, (_, i) => write(running, i))
  const readers = world.guards.map(guard => loop(guard, pool, verifier, ending.signal, READ_MS))
  const load = [...writers, ...readers, follow(running, broken ? (minutes * 60_000) / LEAKED : undefined)]
  try {
    const samples = await Promise.race([sample(world, minutes, say), failure(load)])
    return report(samples, verifier, broken, say)
  } finally {
    ending.abort()
    await Promise.allSettled(load)
  }
}

/** Rejects when a part of the load fails; never resolves. */
const failure = (load: Promise<void>[]): Promise<never> => Promise.all(load).then(() => new Promise<never>(() => {}))

async function sample(world: World, minutes: number, say: SoakOptions['say']): Promise<Sample[]> {
  const samples: Sample[] = []
  const end = performance.now() + minutes * 60_000
  while (performance.now() < end) {
    await pause(SAMPLE_MS)
    samples.push(await readVitals(world))
    if (samples.length % REPORT_EVERY === 0) {
      const memory = Object.values(samples.at(-1)?.processes ?? {}).map(each => (each.memory / 2 ** 20).toFixed(0))
      say(`  after ${((samples.length * SAMPLE_MS) / 60_000).toFixed(0)} minutes: ${memory.join(', ')} MiB`)
    }
  }
  return samples
}

function report(samples: Sample[], verifier: Verifier, broken: boolean, say: SoakOptions['say']): number {
  const { lines, violations } = judge(samples)
  for (const line of lines) say(`  ${line}`)
  const { requests, unavailable, failed, latestAccepted } = verifier.result
  say(
    `  ${requests} requests to guards: ${unavailable} with status 503, ${failed} without a response; a revoked token was ` +
      `accepted at most ${latestAccepted.toFixed(0)} ms after its revocation`,
  )
  const all = [...violations, ...verifier.result.violations]
  for (const text of all) say(`  VIOLATION: ${text}`)
  if (broken && violations.length === 0) throw new Error('a leak that was made on purpose was not found')
  return all.length
}

/** Issues tokens at one node, uses each one, lists the tokens, and revokes it at another node. */
async function write({ world, pool, verifier, signal }: Soak, number: number): Promise<void> {
  const { nodes, guards, services } = world
  const writer = await createWriter(services, number)
  for (let i = number; !signal.aborted; i++) {
    const { url } = nodes[i % nodes.length] as World['nodes'][number]
    const { status, text } = await issueAt(url, writer)
    if (status === 201) {
      const token = rigToken(text)
      await sendRequest(guards[i % guards.length] as World['guards'][number], token, verifier)
      await fetchStatus('GET', `${url}/api/tokens`, writer).catch(() => 0)
      await revoke(world, token, i + 1)
      pool.revoked.push(token)
      if (pool.revoked.length > MAX_REVOKED) pool.revoked.shift()
    }
    await pause(WRITE_MS)
  }
}

/** Readers of the feed come and go. @param leakMs they only come, one in so many milliseconds; undefined: they also go */
async function follow({ world, signal }: Soak, leakMs?: number): Promise<void> {
  const { nodes, authorization } = world
  for (let i = 0; !signal.aborted; i++) {
    const leaving = new AbortController()
    const { url } = nodes[i % nodes.length] as World['nodes'][number]
    followFeed(url, authorization, () => {}, AbortSignal.any([signal, leaving.signal])).catch(() => {})
    await pause(leakMs ?? READER_MS)
    if (leakMs === undefined) leaving.abort()
  }
}
