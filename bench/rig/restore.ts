import { execFile } from 'node:child_process'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { collectionState } from '../../src/dump/collect.ts'
import { declareRestored } from '../../src/dump/declare-restored.ts'
import { openDatabase } from '../../src/open-database.ts'
import { onServer } from '../databases.ts'
import { startProcess } from '../processes.ts'
import { fetchStatus } from './http.ts'
import { loop, type Pool, revoke, sendRequest } from './load.ts'
import type { calls as resourceCalls } from './resource.ts'
import { createVerifier, type RigToken, type Verifier } from './verifier.ts'
import { AUDIENCE, createWorld, type World } from './world.ts'

interface RestoreOptions {
  /** The restore is declared, and nothing is collected. */
  broken: boolean
  defer: (work: () => unknown) => void
  say: (text: string) => void
}

const REVOCATIONS = 1_000
const STEADY = 20
const REVOKERS = 3
const TTL_SECONDS = 2
/** A revocation reaches every guard within this time. */
const MAX_DELAY_MS = 1_000
/** The guards give back what they know within this time after the nodes have started. */
const MAX_RECOVERY_MS = 30_000
const POLL_MS = 50
const REJECTED = 401

const run = promisify(execFile)

/**
 * Backs up with `pg_dump`, revokes tokens under load, loses the database and restores the backup. No guard may accept a revoked
 * token at any time, and in the end the issuer and a restarted guard have to refuse all of them too.
 * @returns the number of violations
 */
export async function restore({ broken, defer, say }: RestoreOptions): Promise<number> {
  const world = await createWorld({ ttl: TTL_SECONDS, broken: false, defer })
  const folder = mkdtempSync(join(tmpdir(), 'postern-rig-'))
  defer(() => rmSync(folder, { recursive: true, force: true }))
  const backup = join(folder, 'backup.pg')
  const verifier = createVerifier()
  verifier.begin(MAX_DELAY_MS)
  const pool: Pool = { steady: await world.issue(STEADY), revoked: [] }
  const tokens = await world.issue(REVOCATIONS)
  await runTool('pg_dump', '--format', 'custom', '--file', backup, world.databaseUrl)
  for (const guard of world.guards) for (const token of tokens) await sendRequest(guard, token, verifier)

  const ending = new AbortController()
  const loops = world.guards.flatMap(guard => [
    loop(guard, pool, verifier, ending.signal),
    sendAll(guard, pool.revoked, verifier, ending.signal),
  ])
  await revokeAll(world, tokens, pool)
  await pause(MAX_DELAY_MS)
  await Promise.all(world.nodes.map(node => node.end('SIGKILL')))
  const lostAt = performance.now()
  await replaceDatabase(world, backup)
  const recovered = await declare(world, broken)
  const startedAt = performance.now()
  await Promise.all(world.nodes.map(node => node.start()))
  const readyAt = performance.now()
  const count = await untilRecovered(recovered)
  const took = performance.now() - readyAt
  await pause(TTL_SECONDS * 1_000 + MAX_DELAY_MS)
  ending.abort()
  await Promise.all(loops)

  const { requests, unavailable, latestAccepted, violations } = verifier.result
  const all = [...violations, ...(await audit(world, tokens, pool.steady, defer))]
  if (count !== REVOCATIONS) all.push(`the issuer recovered ${count} of ${REVOCATIONS} revocations`)
  say(`${REVOCATIONS} revocations after the backup; ${requests} requests to the guards, ${unavailable} with status 503`)
  say(`a revoked token was accepted at most ${latestAccepted.toFixed(0)} ms after the 204`)
  say(`restored in ${(startedAt - lostAt).toFixed(0)} ms, nodes ready after ${(readyAt - startedAt).toFixed(0)} ms`)
  say(`${count} revocations recovered, ${took.toFixed(0)} ms after the nodes were ready`)
  for (const what of new Set(all)) say(`VIOLATION, ${all.filter(other => other === what).length} times: ${what}`)
  if (all.length === 0) say('No guard accepted a revoked token, and the issuer has all revocations again.')
  return all.length
}

/** The tools of the newest PostgreSQL that is installed. */
async function runTool(name: string, ...args: string[]): Promise<void> {
  const bin = globSync('/usr/lib/postgresql/*/bin').sort().at(-1)
  await run(bin ? join(bin, name) : name, args)
}

async function revokeAll(world: World, tokens: readonly RigToken[], pool: Pool): Promise<void> {
  const waiting = [...tokens]
  const revoker = async (first: number) => {
    for (let token = waiting.pop(); token; token = waiting.pop()) {
      await revoke(world, token, first++)
      pool.revoked.push(token)
    }
  }
  await Promise.all(Array.from({ length: REVOKERS }, (_, i) => revoker(i)))
}

/** Sends every revoked token again and again, not only the latest ones. */
async function sendAll(
  guard: World['guards'][number],
  revoked: readonly RigToken[],
  verifier: Verifier,
  signal: AbortSignal,
): Promise<void> {
  for (let i = 0; !signal.aborted; i++) {
    const token = revoked[i % revoked.length]
    if (token) await sendRequest(guard, token, verifier)
    else await pause(POLL_MS)
  }
}

/** The backup takes the place and the name of the database. */
async function replaceDatabase({ databaseUrl }: World, backup: string): Promise<void> {
  const server = new URL(databaseUrl)
  const name = server.pathname.slice(1)
  server.pathname = '/postgres'
  await onServer(server.href, async client => {
    await client.query(`drop database ${name} with (force)`)
    await client.query(`create database ${name}`)
  })
  await runTool('pg_restore', '--no-owner', '--dbname', databaseUrl, backup)
}

/** As `postern restored --collect`. @returns a function that counts what was recovered */
async function declare({ databaseUrl }: World, broken: boolean): Promise<() => Promise<number>> {
  const withDatabase = async <T>(work: (db: Awaited<ReturnType<typeof openDatabase>>) => Promise<T>): Promise<T> => {
    const db = await openDatabase({ databaseUrl, databasePoolSize: 2, dataDir: undefined })
    return work(db).finally(() => db.close())
  }
  await withDatabase(async db => {
    // The heartbeats of the nodes are in the backup.
    await db.query('delete from nodes')
    await declareRestored(db, broken ? undefined : { seconds: 3_600, clients: null })
  })
  return () =>
    withDatabase(async db => {
      const state = await collectionState(db)
      return (state?.recovered ?? []).reduce((sum, { count }) => sum + count, 0)
    })
}

async function untilRecovered(count: () => Promise<number>): Promise<number> {
  const since = performance.now()
  let recovered = 0
  while (recovered < REVOCATIONS && performance.now() - since < MAX_RECOVERY_MS) {
    recovered = await count()
    await pause(POLL_MS)
  }
  return recovered
}

/** Asks every node, every guard and a new guard for every token. @returns what must not be */
async function audit(
  world: World,
  revoked: readonly RigToken[],
  steady: readonly RigToken[],
  defer: RestoreOptions['defer'],
): Promise<string[]> {
  const fresh = await startProcess<typeof resourceCalls>(join(import.meta.dirname, 'resource.ts'), {})
  defer(() => fresh.close())
  const freshUrl = await fresh.call('listen', { issuer: world.services.config.issuer, audience: AUDIENCE })
  const guards = [...world.guards, { name: 'a restarted resource server', url: freshUrl }]
  const places = [
    ...world.nodes.map(({ url }, i) => ({ name: `node ${i + 1}`, url: `${url}/api/tokens/current` })),
    ...guards.map(({ name, url }) => ({ name, url: `${url}/orders` })),
  ]
  const violations: string[] = []
  for (const { name, url } of places) {
    for (const { text } of revoked) {
      const status = await fetchStatus('GET', url, text)
      if (status !== REJECTED) violations.push(`${name} answers ${status} for a revoked token`)
    }
    for (const { text } of steady) {
      if ((await fetchStatus('GET', url, text)) === REJECTED) violations.push(`${name} refuses a valid token`)
    }
  }
  return violations
}
