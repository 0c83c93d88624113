import fc from 'fast-check'
import t from 'tap'
import { SORTS, type Sort } from '../../src/tokens/list.ts'
import type { ListedToken } from '../../src/tokens/token.entity.ts'
import { newUser, testServices } from '../helpers/app.ts'

const services = await testServices(t)

t.test('a search finds what contains it, whatever characters that takes', async t => {
  const user = await newUser(services)
  const names = [
    "it's",
    'back\\slash',
    'what?',
    '100%',
    'under_score',
    '$1 and :name',
    'ünï',
    "';--",
    "E'x",
    'ALL CAPS',
  ]
  // Scopes are searched too.
  await Promise.all(names.map(name => services.tokens.issuePersonal({ user, name, scopes: [] })))
  const part = fc
    .constantFrom(...names)
    .chain(name =>
      fc
        .nat(name.length - 1)
        .chain(from => fc.integer({ min: from + 1, max: name.length }).map(to => name.slice(from, to))),
    )
  await fc.assert(
    fc.asyncProperty(part, async search => {
      const found = await services.tokens.list(user.id, { limit: 100, search })
      const wanted = names.filter(name => name.toLowerCase().includes(search.toLowerCase()))
      t.same(found.map(({ name }) => name).sort(), wanted.sort(), `what holds ${JSON.stringify(search)}`)
    }),
    { numRuns: 60 },
  )
})

t.test('a token that is listed comes without what its text is known by', async t => {
  const user = await newUser(services)
  const { token } = await services.tokens.issuePersonal({ user, name: 'opaque', format: 'opaque' })
  const [listed] = await services.tokens.list(user.id, { limit: 1 })
  t.equal(listed?.id, token.id)
  t.notOk(listed && 'hash' in listed)
  const { createdAt, expiresAt, lastUsedAt } = listed ?? {}
  t.same([createdAt, expiresAt, lastUsedAt], [token.createdAt, token.expiresAt, null])
})

t.test('pages in every order hold each token once', async t => {
  const user = await newUser(services)
  const minute = fc.integer({ min: 1, max: 4 }).map(minutes => new Date(Date.now() + minutes * 60_000))
  const drafts = fc.sample(fc.record({ name: fc.constantFrom('a', 'B', 'b', 'ä', 'C'), expiresAt: minute }), 12)
  for (const draft of drafts) await services.tokens.issuePersonal({ user, scopes: [], ...draft })
  const pages = async (sort: Sort, limit: number) => {
    const seen: ListedToken[] = []
    for (;;) {
      const rows = await services.tokens.list(user.id, { limit, sort, after: seen.at(-1)?.id })
      seen.push(...rows)
      if (rows.length < limit) return seen
    }
  }
  for (const sort of SORTS) {
    const whole = await services.tokens.list(user.id, { limit: 100, sort })
    t.equal(whole.length, drafts.length)
    for (const limit of [1, 5])
      t.same(
        (await pages(sort, limit)).map(row => row.id),
        whole.map(row => row.id),
        sort,
      )
    const opposite = sort.startsWith('-') ? sort.slice(1) : `-${sort}`
    const reversed = await services.tokens.list(user.id, { limit: 100, sort: opposite as Sort })
    t.same(
      whole.map(row => row.id).reverse(),
      reversed.map(row => row.id),
      `${opposite} is the other way round`,
    )
  }
  const ends = (await pages('expires_at', 3)).map(row => row.expiresAt.getTime())
  t.same(
    ends,
    ends.toSorted((a, b) => a - b),
  )
})

t.test('a cursor tells nothing about the tokens of others', async t => {
  const [reader, other] = [await newUser(services), await newUser(services)]
  const issue = (user: typeof reader, name: string) => services.tokens.issuePersonal({ user, name, scopes: [] })
  const { token: own } = await issue(reader, 'a')
  await issue(reader, 'm')
  const { token: foreign } = await issue(other, 'c')
  const columns = SORTS.filter(sort => !sort.endsWith('created_at'))
  for (const sort of columns) {
    const after = (id: string) => services.tokens.list(reader.id, { limit: 100, sort, after: id })
    t.same(await after(foreign.id), [], `${sort}: as after a token that does not exist`)
    t.equal((await after(own.id)).length, sort.startsWith('-') ? 0 : 1, `${sort}: after the first one`)
  }
})
