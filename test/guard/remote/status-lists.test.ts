import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import t from 'tap'
import { createClock } from '../../../packages/guard/src/remote/clock.ts'
import type { HttpClient } from '../../../packages/guard/src/remote/http.ts'
import { createMonitor } from '../../../packages/guard/src/remote/monitor.ts'
import { createRemoteStatusLists } from '../../../packages/guard/src/remote/status-lists.ts'
import { STATUS, StatusBits } from '../../../packages/guard/src/status-bits.ts'

const issuer = 'https://id.example.com'
const reference = { uri: `${issuer}/oauth/status-lists/1`, idx: 7 }

/** The lists of an issuer whose only list was signed so many seconds ago and lay in a cache since then. */
async function statusLists(signedAgo: number) {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = await exportJWK(publicKey)
  const iat = Math.floor(Date.now() / 1_000) - signedAgo
  const status_list = { bits: 2, lst: new StatusBits(64).encode() }
  const text = await new SignJWT({ iat, ttl: 1, sequence: 5, status_list })
    .setIssuer(issuer)
    .setSubject(reference.uri)
    .setProtectedHeader({ alg: 'ES256', typ: 'statuslist+jwt' })
    .sign(privateKey)
  const get = async () => ({ status: 200, text, requestedAt: performance.now() })
  const feed = { alive: true }
  const lists = createRemoteStatusLists({
    issuer,
    issuers: () => [issuer],
    http: { get, slow: false } as unknown as HttpClient,
    monitor: createMonitor(t.fail),
    key: async () => jwk,
    clock: createClock(),
    isFeedAlive: () => feed.alive,
    maxStalenessMs: 60_000,
  })
  return { lists, feed }
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
