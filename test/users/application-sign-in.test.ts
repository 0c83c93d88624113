import Fastify from 'fastify'
import t from 'tap'
import { embedded } from '../helpers/embedding.ts'
import { userTable } from '../helpers/own-users.ts'

/** Guessing the password of a local user, where an application checks passwords as well. */

const PER_USER = 10
const PASSWORD = 'correct horse battery staple'
const AT_APPLICATION = 'the password at the application'
let isAway = false
const table = userTable(
  { 42: {} },
  {
    signIn: async (_email, password) => {
      if (isAway) throw new Error('connect ECONNREFUSED')
      return password === AT_APPLICATION ? '42' : undefined
    },
  },
)
const postern = await embedded(t, { issuer: 'https://shop.example/auth', users: table })
const app = Fastify()
await app.register(postern.plugin, { prefix: '/auth' })
t.teardown(() => app.close())

let people = 0
const local = async () =>
  (await postern.users.create({ email: `local${people++}@example.com`, name: 'Local', password: PASSWORD }))
    .email as string

const signIn = (email: string, password: string) =>
  app.inject({ method: 'POST', url: '/auth/api/tokens', payload: { email, password, device_name: 'x' } })

/** How many of so many tries at once got each status. */
async function tries(count: number, email: string) {
  const answers = await Promise.all(Array.from({ length: count }, () => signIn(email, 'wrong password')))
  return Object.fromEntries(
    [...Map.groupBy(answers, ({ statusCode }) => statusCode)].map(([status, { length }]) => [status, length]),
  )
}

t.test('a wrong password counts while the application is away', async t => {
  isAway = true
  const email = await local()
  t.equal((await signIn(email, PASSWORD)).statusCode, 201, 'the right one is let in')
  t.strictSame(await tries(PER_USER + 3, email), { 503: PER_USER + 1, 429: 2 })
  isAway = false
})

t.test('a password at the application does not forget the failures of the local user with that address', async t => {
  const email = await local()
  t.strictSame(await tries(PER_USER - 1, email), { 401: PER_USER - 1 })
  t.match((await signIn(email, AT_APPLICATION)).json(), { user: { id: '42' } })
  t.strictSame(await tries(4, email), { 401: 2, 429: 2 }, 'one, and one after a delay')
  t.equal((await signIn(email, PASSWORD)).statusCode, 201, 'only the user does')
  t.strictSame(await tries(PER_USER, email), { 401: PER_USER })
})
