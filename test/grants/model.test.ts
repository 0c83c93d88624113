import { createHash, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import type { Client } from '../../src/clients/client.entity.ts'
import { issueCode } from '../../src/grants/codes.ts'
import type { User } from '../../src/users/user.entity.ts'
import { newUser, testApp } from '../helpers/app.ts'
import { opens } from '../helpers/granted-tokens.ts'
import { expect, type Step as HistoryStep, one, pick, runHistories, switchUser } from '../helpers/history.ts'
import { basic, form } from '../helpers/oauth.ts'

/**
 * Random histories of two users, two clients and what these were let have, beside a model of a few lines: after every
 * step each access token that ever was opens, and is said to be active, exactly when the model says.
 */

const { app, services } = await testApp(t)
const SCOPES = ['orders:read', 'orders:create', 'reports']
const CALLBACK = 'https://app.example/cb'

interface Person {
  user: User
  disabled: boolean
}
interface App {
  client: Client
  headers: { authorization: string }
}
interface Access {
  text: string
  scopes: string[]
  dead: boolean
}
interface Family {
  person: Person
  app: App
  scopes: string[]
  access: Access[]
  refresh: string
  spent: string[]
  dead: boolean
}
interface World {
  people: Person[]
  apps: App[]
  families: Family[]
}
type Step = HistoryStep<World>

const newPerson = async (): Promise<Person> => ({ user: await newUser(services), disabled: false })

async function newApp(tokenFormat: 'jwt' | 'opaque'): Promise<App> {
  const { client, secret } = await services.clients.create({ name: 'Calendar', redirectUris: [CALLBACK], tokenFormat })
  return { client, headers: basic(client.id, secret) }
}

const other = ({ apps }: World, not: App) => apps.find(each => each !== not) as App
const sorted = (scopes: string[]) => SCOPES.filter(scope => scopes.includes(scope))
const some = fc.subarray(SCOPES, { minLength: 1 })

const ask = ({ headers }: App, path: string, params: Record<string, string>) => form(app, path, params, headers)

async function redemption({ user }: Person, { client }: App, scopes: string[]) {
  const verifier = randomBytes(32).toString('base64url')
  const codeChallenge = createHash('sha256').update(verifier).digest('base64url')
  const given = { user: user.id, client: client.id, redirectUri: CALLBACK, scopes, audience: null, codeChallenge }
  const code = await services.db.transaction(em => issueCode(em, given, 60))
  return { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: verifier }
}

const grant = fc.tuple(one, one, some, fc.boolean()).map(
  ([who, what, scopes, replayed]): Step =>
    async world => {
      const [person, app] = [pick(world.people, who), pick(world.apps, what)]
      const code = await redemption(person, app, sorted(scopes))
      const answer = await ask(app, '/oauth/token', code)
      if (expect(answer.statusCode, person.disabled ? 400 : 200) !== 200) return
      const { access_token: text, refresh_token: refresh } = answer.json()
      const access = [{ text, scopes: sorted(scopes), dead: false }]
      const family: Family = { person, app, scopes: sorted(scopes), access, refresh, spent: [], dead: false }
      world.families.push(family)
      // A code that comes back ends what it gave (RFC 6749 §4.1.2).
      if (replayed) expect((await ask(app, '/oauth/token', code)).statusCode, 400)
      if (replayed) end(family)
    },
)

function end(family: Family): void {
  family.dead = true
  for (const access of family.access) access.dead = true
}

const onFamily = <T>(more: fc.Arbitrary<T>, act: (family: Family, more: T, world: World) => Promise<void>) =>
  fc.tuple(one, more).map(
    ([which, detail]): Step =>
      async world => {
        if (world.families.length > 0) await act(pick(world.families, which), detail, world)
      },
  )

const refresh = onFamily(some, async (family, wanted) => {
  const scopes = sorted(wanted.filter(scope => family.scopes.includes(scope)))
  const fields = { grant_type: 'refresh_token', refresh_token: family.refresh, scope: scopes.join(' ') }
  if (scopes.length === 0) Reflect.deleteProperty(fields, 'scope')
  const answer = await ask(family.app, '/oauth/token', fields)
  if (expect(answer.statusCode, family.dead || family.person.disabled ? 400 : 200) !== 200) return
  for (const access of family.access) access.dead = true
  const given = answer.json()
  family.access.push({ text: given.access_token, scopes: scopes.length > 0 ? scopes : family.scopes, dead: false })
  family.spent.push(family.refresh)
  family.refresh = given.refresh_token
})

const reuse = onFamily(one, async (family, which) => {
  if (family.spent.length === 0) return
  const fields = { grant_type: 'refresh_token', refresh_token: pick(family.spent, which) }
  expect((await ask(family.app, '/oauth/token', fields)).json().error, 'invalid_grant')
  if (!family.person.disabled) end(family)
})

const steal = onFamily(fc.constant(0), async (family, _, world) => {
  const thief = other(world, family.app)
  const fields = { grant_type: 'refresh_token', refresh_token: family.refresh }
  expect((await ask(thief, '/oauth/token', fields)).json().error, 'invalid_grant')
  for (const token of [family.access.at(-1)?.text ?? '', family.refresh]) {
    expect((await ask(thief, '/oauth/revoke', { token })).statusCode, 400)
  }
})

const revoke = onFamily(fc.boolean(), async (family, byRefresh) => {
  const token = byRefresh ? family.refresh : (family.access.at(-1)?.text ?? '')
  expect((await ask(family.app, '/oauth/revoke', { token })).statusCode, 200)
  end(family)
})

async function check({ families }: World) {
  for (const { person, app: by, access } of families) {
    for (const { text, scopes, dead } of access) {
      const opened = !dead && !person.disabled
      expect(await opens(app, text), opened ? 200 : 401)
      const said = (await ask(by, '/oauth/introspect', { token: text })).json()
      expect(said.active, opened)
      if (opened) expect(said.scope, scopes.join(' '))
      if (!opened) expect(Object.keys(said).length, 1)
    }
  }
}

t.test('after each step every token opens what the model says', async t => {
  const apps = [await newApp('jwt'), await newApp('opaque')]
  const steps = fc.oneof(
    { weight: 4, arbitrary: grant },
    { weight: 5, arbitrary: refresh },
    { weight: 1, arbitrary: reuse },
    { weight: 1, arbitrary: steal },
    { weight: 1, arbitrary: revoke },
    { weight: 1, arbitrary: switchUser(services) },
  )
  await runHistories<World>(t, {
    steps,
    check,
    begin: async () => ({ people: [await newPerson(), await newPerson()], apps, families: [] }),
  })
})
