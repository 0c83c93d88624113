import { randomUUID } from 'node:crypto'
import t from 'tap'
import { createApp } from '../../src/app.ts'
import { TOKEN_EXCHANGE } from '../../src/grants/exchange.ts'
import { actingAs, CATALOGUE, newUser } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { embeddedServices } from '../helpers/embedding.ts'
import { form } from '../helpers/oauth.ts'
import { userTable } from '../helpers/own-users.ts'
import { requester } from '../helpers/requester.ts'
import { buildServer, GITHUB } from '../trusts/provider.ts'

/** No token is issued for somebody whom the application has removed since it was asked. */

const issuer = 'https://shop.example'
const table = userTable({})
const services = await embeddedServices(t, { catalogue: CATALOGUE.scopes, issuer, users: table, fetchLoopback: true })
const app = await createApp({ ...services, close: async () => {} })
t.teardown(() => app.close())
const builds = await buildServer(t)
const manage = requester(app, (await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })).headers)

let people = 0
/** A user of the application who is used here. @returns the row, and what ends the last answer about the user */
async function newcomer() {
  const subject = String(++people)
  table.rows.set(subject, {})
  const { id } = await services.ownUsers.ensure(subject)
  const outdate = () => {
    const answer = services.ownUsers.peek(subject)
    if (answer) answer.validUntil = 0
  }
  return {
    id,
    subject,
    away() {
      outdate()
      table.instead = () => Promise.reject(new Error('away'))
    },
    remove() {
      table.instead = undefined
      table.rows.delete(subject)
      outdate()
    },
  }
}

/** @param work whose status is `usual` for a user who is there, and `refused` for one who is gone */
async function issues(t: Test, work: (user: User) => Promise<number>, usual: number, refused: number) {
  const user = await newcomer()
  t.equal(await work(user), usual)
  user.remove()
  t.equal(await work(user), refused, 'removed')
  const other = await newcomer()
  other.away()
  t.equal(await work(other), 503, 'the application does not answer')
  table.instead = undefined
}
type User = Awaited<ReturnType<typeof newcomer>>
type Test = Pick<typeof t, 'equal'>

t.test('by an administrator', t =>
  issues(
    t,
    async ({ subject }) => (await manage.post(`/admin/users/${subject}/tokens`, { name: 'ci' })).statusCode,
    201,
    409,
  ),
)

t.test('by an administrator on the pages', async t => {
  const browser = new Browser(app)
  await browser.signIn(await newUser(services, 'admin'))
  const pages = new Map<string, Awaited<ReturnType<typeof browser.get>>>()
  await issues(
    t,
    async ({ id }) => {
      const page = pages.get(id) ?? (await browser.get(`/manage/users/${id}/tokens/new`))
      pages.set(id, page)
      if (page.statusCode !== 200) return page.statusCode
      return (await browser.submit(page, { name: 'ci', expires_in: '30d', once: randomUUID() }, /tokens$/)).statusCode
    },
    201,
    409,
  )
})

t.test('by a handover', t =>
  issues(
    t,
    async ({ subject }) => {
      const { id } = await actingAs(services, ['orders:read'], { format: 'opaque' })
      return (await manage.post(`/admin/tokens/${id}/handover`, { user_id: subject })).statusCode
    },
    200,
    409,
  ),
)

t.test('by a trust', t => {
  const trusted = new Map<string, string>()
  return issues(
    t,
    async ({ id }) => {
      const ref = trusted.get(id) ?? `refs/heads/${id}`
      if (!trusted.has(id))
        await services.trusts.create({ issuer: builds.issuer, userId: id, scopes: ['user:read'], match: { ref } })
      trusted.set(id, ref)
      const subject_token = await builds.tokenFor({ ...GITHUB, ref }, issuer)
      const subject_token_type = 'urn:ietf:params:oauth:token-type:jwt'
      return (await form(app, '/oauth/token', { grant_type: TOKEN_EXCHANGE, subject_token, subject_token_type }))
        .statusCode
    },
    200,
    400,
  )
})
