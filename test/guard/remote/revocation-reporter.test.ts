import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { type LostInList, LostRevocations } from '../../../packages/guard/src/remote/lost-revocations.ts'
import { createRevocationReporter } from '../../../packages/guard/src/remote/revocation-reporter.ts'

const SIZE = 1_048_576
const ISSUER = 'https://id.example.com'
const list = (id: number) => `${ISSUER}/oauth/status-lists/${id}`
const count = (lists: readonly LostInList[]) => lists.reduce((sum, { revoked }) => sum + revoked.length, 0)

/** A reporter at an issuer that answers with these statuses, the last one again and again; 0: it does not. */
function reporting(t: Test, statuses: number[], endpoint: string | undefined = `${ISSUER}/oauth/lost-revocations`) {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const lost = new LostRevocations()
  const sent: LostInList[][] = []
  let open = 0
  let atOnce = 0
  const reporter = createRevocationReporter({
    url: async () => endpoint,
    http: {
      async postJson(url, body, headers) {
        t.equal(url, endpoint)
        t.match(headers, { authorization: /^Basic / })
        atOnce = Math.max(atOnce, ++open)
        sent.push((body as { lists: LostInList[] }).lists)
        await turn()
        open--
        const status = (statuses.length > 1 ? statuses.shift() : statuses[0]) as number
        if (status === 0) throw new Error('no answer')
        return { status, text: '', requestedAt: 0 }
      },
    },
    credentials: { clientId: 'id', clientSecret: 'secret' },
    lost,
  })
  t.teardown(() => reporter.close())
  const pass = async (ms: number) => {
    mock.timers.tick(ms)
    for (let i = 0; i < 40; i++) await turn()
  }
  return { lost, sent, reporter, pass, atOnce: () => atOnce }
}

t.test('every lost revocation is reported once, in batches, one after the other', async t => {
  const { lost, sent, pass, atOnce } = reporting(t, [200])
  const many = Array.from({ length: 2_500 }, (_, i) => i * 7)
  lost.update(list(2), SIZE, many)
  lost.update(list(3), SIZE, [SIZE - 1, 5, SIZE, -1])
  t.same(sent, [], 'no check waits for it')
  await pass(1_000)
  t.same(sent.map(count), [1_000, 1_000, 502])
  t.equal(atOnce(), 1)
  t.same(
    sent.flat().flatMap(each => (each.list === 2 ? each.revoked : [])),
    many,
  )
  t.same(sent.at(-1)?.at(-1), { list: 3, revoked: [5, SIZE - 1] })
  lost.update(list(2), SIZE, many)
  await pass(60_000)
  t.equal(sent.length, 3, 'the issuer does not know those tokens, or has revoked them')
  lost.update(list(2), SIZE, [...many, 1])
  await pass(1_000)
  t.same(sent.at(-1), [{ list: 2, revoked: [1] }])
})

for (const status of [0, 401, 403, 404, 429, 503]) {
  t.test(`after ${status || 'no answer'} they wait, until the issuer accepts them`, async t => {
    const { lost, sent, pass } = reporting(t, [status, status, 200])
    lost.update(list(2), SIZE, [5, 17])
    await pass(1_000)
    t.equal(sent.length, 1)
    await pass(14_000)
    t.equal(sent.length, 1, 'not at once')
    lost.update(list(2), SIZE, [4, 5, 17])
    await pass(0)
    t.equal(sent.length, 1, 'nor for another one')
    await pass(31_000)
    await pass(45_000)
    t.same(sent, [
      [{ list: 2, revoked: [5, 17] }],
      [{ list: 2, revoked: [4, 5, 17] }],
      [{ list: 2, revoked: [4, 5, 17] }],
    ])
    await pass(90_000)
    t.equal(sent.length, 3)
  })
}

t.test('what the issuer never accepts is not sent again', async t => {
  const { lost, sent, pass } = reporting(t, [422, 200])
  lost.update(list(2), SIZE, [5])
  await pass(1_000)
  await pass(90_000)
  t.equal(sent.length, 1)
})

t.test('an issuer without the endpoint gets nothing', async t => {
  const { lost, sent, pass } = reporting(t, [200], '')
  lost.update(list(2), SIZE, [5])
  await pass(1_000)
  await pass(90_000)
  t.same(sent, [])
})

t.test('after it is closed nothing is sent', async t => {
  const { lost, sent, pass, reporter } = reporting(t, [200])
  lost.update(list(2), SIZE, [5])
  await reporter.close()
  await pass(90_000)
  lost.update(list(2), SIZE, [6])
  await pass(90_000)
  t.same(sent, [])
})

t.test('memory is bounded, whatever is lost', async t => {
  const { lost, sent, pass } = reporting(t, [200])
  for (let id = 1; id <= 1_200; id++) lost.update(list(id), 4, [1])
  await pass(1_000)
  t.equal(count(sent.flat()), 1_000)
  t.same(sent.map(count), [1_000])
})

t.test('what the issuer has again can be lost and reported again', async t => {
  const { lost, sent, pass } = reporting(t, [200])
  const isReported = async () => {
    lost.update(list(2), SIZE, [5, 17])
    await pass(1_000)
    return sent.splice(0).length === 1
  }
  t.equal(await isReported(), true)
  t.equal(await isReported(), false, 'still lacking them is no news')
  lost.update(list(2), SIZE, [])
  t.equal(await isReported(), true, 'a list had them')
  for (const index of [5, 17]) lost.revoked(list(2), index)
  t.equal(await isReported(), true, 'the feed had them')
  lost.update(list(2), SIZE, [5, 6])
  lost.revoked(list(2), 5)
  lost.revoked(list(3), 5)
  await pass(1_000)
  t.same(sent, [[{ list: 2, revoked: [6] }]], 'another guard has reported the other one')
})
