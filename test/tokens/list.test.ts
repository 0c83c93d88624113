import fc from 'fast-check'
import t from 'tap'
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
