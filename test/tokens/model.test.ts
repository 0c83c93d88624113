import fc from 'fast-check'
import t from 'tap'
import type { User } from '../../src/users/user.entity.ts'
import { newUser, testApp } from '../helpers/app.ts'
import { expect, type Step as HistoryStep, one, pick, runHistories, switchUser } from '../helpers/history.ts'
import { bearer, type Requester, requester } from '../helpers/requester.ts'

/**
 * Random histories of two users and their tokens, beside a model of a few lines: after every step each token that ever
 * was opens exactly what the model says.
 */

const { app, services } = await testApp(t)
const SCOPES = ['orders:read', 'orders:create', 'reports', 'tokens:read']
const DAY = 86_400

interface Known {
  id: string
  text: string
  person: Person
  scopes: string[]
  dead: boolean
  suspended: boolean
  /** What rotating it made. A living token takes it along when it is revoked. */
  successor?: Known
}
interface Person {
  user: User
  disabled: boolean
  /** Lives longest and may do everything: whose acts these are. */
  me: Requester
}
interface World {
  people: Person[]
  tokens: Known[]
}

async function owner(user: User): Promise<Requester> {
  const expiresAt = new Date(Date.now() + 700 * DAY * 1000)
  return requester(
    app,
    bearer((await services.tokens.issuePersonal({ user, name: 'owner', scopes: ['*'], expiresAt })).plainText),
  )
}
async function newPerson(): Promise<Person> {
  const user = await newUser(services)
  return { user, disabled: false, me: await owner(user) }
}

const sorted = (scopes: string[]) => SCOPES.filter(scope => scopes.includes(scope))

type Step = HistoryStep<World>

const wishes = fc.record({ scopes: fc.subarray(SCOPES), format: fc.constantFrom('jwt', 'opaque') })

const issue = fc.tuple(one, wishes).map(
  ([who, wish]): Step =>
    async ({ people, tokens }) => {
      const person = pick(people, who)
      const answer = await person.me.post('/api/tokens', { name: 'x', expires_in: DAY, ...wish })
      if (expect(answer.statusCode, person.disabled ? 401 : 201) !== 201) return
      const { token, data } = answer.json()
      tokens.push({
        id: data.id,
        text: token,
        person,
        scopes: sorted(wish.scopes),
        dead: false,
        suspended: false,
      })
    },
)

/** A step that one token's owner does to it, by its id. */
const onToken = <T>(more: fc.Arbitrary<T>, act: (token: Known, more: T, world: World) => Promise<void>) =>
  fc.tuple(one, more).map(
    ([which, detail]): Step =>
      async world => {
        if (world.tokens.length > 0) await act(pick(world.tokens, which), detail, world)
      },
  )
const refusal = ({ person, dead }: Known) => (person.disabled ? 401 : dead ? 409 : undefined)

const patch = onToken(
  fc.record({ scopes: fc.subarray(SCOPES), suspended: fc.boolean() }, { requiredKeys: [] }),
  async (token, change) => {
    const { statusCode } = await token.person.me.patch(`/api/tokens/${token.id}`, change)
    if (expect(statusCode, refusal(token) ?? 200) !== 200) return
    if (change.scopes) token.scopes = sorted(change.scopes)
    if (change.suspended !== undefined) token.suspended = change.suspended
  },
)

const rotate = onToken(fc.constantFrom(0, 3600), async (token, overlap, { tokens }) => {
  const answer = await token.person.me.post(`/api/tokens/${token.id}/rotate`, { overlap })
  if (expect(answer.statusCode, refusal(token) ?? (token.suspended || token.successor ? 409 : 201)) !== 201) return
  if (overlap === 0) token.dead = true
  const { token: text, data } = answer.json()
  token.successor = { ...token, id: data.id, text, dead: false }
  tokens.push(token.successor)
})

/** @returns how many tokens die with the token, itself included */
function end(token: Known): number {
  if (token.dead) return 0
  token.dead = true
  return 1 + (token.successor ? end(token.successor) : 0)
}

const revoke = onToken(fc.boolean(), async (token, itself) => {
  const opens = !token.dead && !token.suspended && !token.person.disabled
  const answer = itself
    ? await requester(app, bearer(token.text)).delete('/api/tokens/current')
    : await token.person.me.delete(`/api/tokens/${token.id}`)
  const done = itself ? opens : !token.person.disabled
  expect(answer.statusCode, done ? (end(token) > 1 ? 200 : 204) : 401)
})

const revokeAll = one.map(
  (who): Step =>
    async ({ people, tokens }) => {
      const person = pick(people, who)
      const { statusCode } = await person.me.delete('/api/tokens')
      const others = tokens.some(token => token.person === person && !token.dead)
      if (expect(statusCode, person.disabled ? 401 : others ? 200 : 204) === 401) return
      for (const token of tokens) if (token.person === person) token.dead = true
      expect((await person.me.get('/api/user')).statusCode, 401)
      person.me = await owner(person.user)
    },
)

async function check({ people, tokens }: World) {
  for (const { text, person, scopes, dead, suspended } of tokens) {
    const it = requester(app, bearer(text))
    const opens = !dead && !suspended && !person.disabled
    const answer = await it.get('/api/tokens/current')
    if (expect(answer.statusCode, opens ? 200 : 401) === 200) {
      const said = answer.json().data.scopes
      if (said.join() !== scopes.join()) throw new Error(`the token has ${said}, the model says ${scopes}`)
    }
    expect((await it.get('/api/tokens?limit=1')).statusCode, opens ? (scopes.includes('tokens:read') ? 200 : 403) : 401)
  }
  for (const person of people) {
    const answer = await person.me.get('/api/tokens?limit=100')
    if (expect(answer.statusCode, person.disabled ? 401 : 200) === 401) continue
    const listed = answer.json().data.filter((token: { name: string }) => token.name === 'x')
    const living = tokens.filter(token => token.person === person && !token.dead)
    const ids = (list: { id: string }[]) =>
      list
        .map(({ id }) => id)
        .sort()
        .join()
    if (ids(listed) !== ids(living)) throw new Error(`listed ${ids(listed)}, the model says ${ids(living)}`)
  }
}

t.test('after each step every token opens what the model says', async t => {
  const steps = fc.oneof(
    { weight: 4, arbitrary: issue },
    { weight: 3, arbitrary: patch },
    { weight: 2, arbitrary: rotate },
    { weight: 2, arbitrary: revoke },
    { weight: 2, arbitrary: switchUser(services) },
    { weight: 1, arbitrary: revokeAll },
  )
  await runHistories<World>(t, {
    steps,
    check,
    begin: async () => ({ people: [await newPerson(), await newPerson()], tokens: [] }),
  })
})
