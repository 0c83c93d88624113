import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import t, { type Test } from 'tap'
import { createClock } from '../../../packages/guard/src/remote/clock.ts'
import type { HttpClient } from '../../../packages/guard/src/remote/http.ts'
import { LostRevocations } from '../../../packages/guard/src/remote/lost-revocations.ts'
import { createMonitor } from '../../../packages/guard/src/remote/monitor.ts'
import { createRemoteStatusLists } from '../../../packages/guard/src/remote/status-lists.ts'
import { STATUS, StatusBits } from '../../../packages/guard/src/status-bits.ts'

const issuer = 'https://id.example.com'
const reference = { uri: `${issuer}/oauth/status-lists/1`, idx: 7 }

const { publicKey, privateKey } = await generateKeyPair('ES256')
const jwk = await exportJWK(publicKey)

/** A list that was signed so many seconds ago. */
function signList(uri: string, signedAgo: number, sequence: number): Promise<string> {
  const bits = new StatusBits(64)
  bits.set(8, STATUS.suspended)
  const iat = Math.floor(Date.now() / 1_000) - signedAgo
  return new SignJWT({ iat, ttl: 1, sequence, status_list: { bits: 2, lst: bits.encode() } })
    .setIssuer(issuer)
    .setSubject(uri)
    .setProtectedHeader({ alg: 'ES256', typ: 'statuslist+jwt' })
    .sign(privateKey)
}

/** The lists of an issuer, which were signed so many seconds ago and were in an HTTP cache since then. */
async function statusLists(signedAgo: number, maxStalenessMs = 60_000) {
  const signed: { ago: number; sequence: number; uncachedAgo?: number } = { ago: signedAgo, sequence: 5 }
  const requests: string[] = []
  const get = async (uri: string, headers: Record<string, string>) => {
    requests.push(uri)
    const ago = headers['cache-control'] === 'no-cache' ? (signed.uncachedAgo ?? signed.ago) : signed.ago
    return { status: 200, text: await signList(uri, ago, signed.sequence), requestedAt: performance.now() }
  }
  const feed = { alive: true }
  const lists = createRemoteStatusLists({
    lost: new LostRevocations(),
    issuer,
    issuers: () => [issuer],
    http: { get, slow: false } as unknown as HttpClient,
    monitor: createMonitor(t.fail),
    key: async () => jwk,
    clock: createClock(),
    isFeedAlive: () => feed.alive,
    maxStalenessMs,
  })
  return { lists, feed, requests, signed }
}

/** Sets the clocks forward, until the end of the test. */
function skipTime(t: Test, ms: number): void {
  const now = performance.now()
  const date = Date.now()
  t.intercept(performance, 'now', { value: () => now + ms })
  t.intercept(Date, 'now', { value: () => date + ms })
}

t.test('a list that the live feed confirmed is usable from then on, however long ago it was signed', async t => {
  const { lists, feed } = await statusLists(1_000)
  lists.feedStarted(5)
  t.equal(await lists.getOrFetch(reference), STATUS.valid)
  t.equal(lists.getFresh(reference), STATUS.valid, 'the feed follows it')
  t.equal(lists.getUsable(reference), undefined, 'signed too long ago')
  lists.confirmAt(performance.now())
  feed.alive = false
  t.equal(lists.getFresh(reference), STATUS.valid, 'confirmed a moment ago')
  t.equal(lists.getUsable(reference), STATUS.valid)
  lists.confirmAt(performance.now() - 60_001)
  t.equal(lists.getFresh(reference), undefined)
  t.equal(lists.getUsable(reference), undefined)
})

t.test('the feed confirms no list that it does not follow', async t => {
  const { lists } = await statusLists(1_000)
  lists.feedStarted(6)
  await lists.getOrFetch(reference)
  lists.confirmAt(performance.now())
  t.equal(lists.getUsable(reference), undefined, 'an event may be missing in it')
})

t.test('a list that no check has used for an hour is evicted, and fetched again when it is needed', async t => {
  const { lists, requests } = await statusLists(0)
  const other = { uri: `${issuer}/oauth/status-lists/2`, idx: 7 }
  lists.feedStarted(5)
  await Promise.all([lists.getOrFetch(reference), lists.getOrFetch(other)])
  await lists.refresh()
  const { bytes } = lists
  skipTime(t, 3_600_001)
  lists.getFresh(other)
  await lists.refresh()
  t.equal(lists.bytes, bytes / 2, 'the list in use is still cached')
  t.equal(lists.getUsable(reference), undefined)
  t.equal(requests.length, 2, 'a refresh fetches no list that the feed keeps up to date')
  t.equal(await lists.getOrFetch(reference), STATUS.valid)
  t.strictSame(requests.slice(2), [reference.uri])
  t.equal(lists.bytes, bytes)
})

t.test('refreshing a list in the background does not count as a use', async t => {
  const { lists, feed, requests } = await statusLists(10)
  feed.alive = false
  await lists.getOrFetch(reference)
  for (let hour = 1; hour <= 2; hour++) {
    await lists.refresh()
    skipTime(t, hour * 1_800_001)
  }
  t.equal(requests.length, 3)
  await lists.refresh()
  t.equal(lists.bytes, 0)
  t.equal(requests.length, 3, 'an evicted list is not refreshed')
})

t.test('an older copy of an evicted list is still rejected', async t => {
  const { lists, feed, signed } = await statusLists(0, 7_200_000)
  feed.alive = false
  t.equal(await lists.getOrFetch(reference), STATUS.valid)
  await lists.refresh()
  skipTime(t, 3_600_001)
  await lists.refresh()
  t.equal(lists.bytes, 0)
  Object.assign(signed, { ago: 3_620, sequence: 4 })
  t.equal(await lists.getOrFetch(reference), undefined, 'replayed')
  Object.assign(signed, { ago: 0, sequence: 6 })
  t.equal(await lists.getOrFetch(reference), STATUS.valid)
})

t.test('no more than 1,000 lists are cached', async t => {
  const { lists } = await statusLists(0)
  lists.feedStarted(5)
  const fetchList = (number: number) => lists.getOrFetch({ uri: `${issuer}/oauth/status-lists/${number}`, idx: 7 })
  await fetchList(1)
  const { bytes } = lists
  await Promise.all(Array.from({ length: 1_004 }, (_, i) => fetchList(i + 2)))
  await lists.refresh()
  t.equal(lists.bytes, 1_000 * bytes)
})

t.test('a list older than maxStalenessSeconds is not used, although its signature is valid', async t => {
  const { lists, feed, signed } = await statusLists(61)
  feed.alive = false
  t.equal(await lists.getOrFetch(reference), undefined, 'so that the guard introspects, or responds with 503')
  t.equal(lists.getUsable(reference), undefined)
  signed.ago = 30
  t.equal(await lists.getOrFetch(reference), STATUS.valid)
  t.equal(lists.getUsable(reference), STATUS.valid)
})

t.test('if a cache between guard and issuer returned it, the guard requests the list past the cache', async t => {
  const { lists, feed, signed } = await statusLists(3_600)
  feed.alive = false
  signed.uncachedAgo = 0
  t.equal(await lists.getOrFetch(reference), STATUS.valid)
  t.equal(lists.getFresh(reference), STATUS.valid)
})

t.test(
  'an issuer that lost changes: what was revoked stays revoked, and new events with used numbers apply',
  async t => {
    const { lists, feed, signed } = await statusLists(10)
    const other = { ...reference, idx: 9 }
    lists.feedStarted(5)
    t.equal(await lists.getOrFetch(reference), STATUS.valid)
    for (const sequence of [6, 7]) lists.apply({ sequence, list: 1, index: 7, status: STATUS.revoked })
    lists.confirmAt(performance.now())
    signed.ago = 0
    signed.sequence = 4
    t.test('the feed says so first', async t => {
      lists.feedStarted(4)
      t.equal(lists.getFresh(reference), STATUS.revoked)
      lists.apply({ sequence: 5, list: 1, index: 9, status: STATUS.revoked })
      t.equal(lists.getFresh(other), STATUS.revoked, 'a number that was used before')
      await lists.refresh()
      t.equal(lists.getFresh(reference), STATUS.revoked)
      t.equal(lists.getFresh(other), STATUS.revoked)
      t.equal(lists.getFresh({ ...reference, idx: 10 }), STATUS.valid)
    })
    t.test('a list arrives first', async t => {
      const { lists, feed, signed } = await statusLists(10)
      lists.feedStarted(5)
      await lists.getOrFetch(reference)
      lists.apply({ sequence: 6, list: 1, index: 7, status: STATUS.revoked })
      feed.alive = false
      signed.ago = 0
      signed.sequence = 4
      t.equal(await lists.getOrFetch(reference), STATUS.revoked)
      t.ok(lists.remembersRevoked(reference))
      t.notOk(lists.remembersRevoked(other))
    })
    t.ok(feed.alive)
  },
)
