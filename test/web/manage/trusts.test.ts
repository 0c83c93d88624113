import t from 'tap'
import { newUser, PASSWORD, testApp } from '../../helpers/app.ts'
import { Browser, locationOf } from '../../helpers/browser.ts'

const { app, services } = await testApp(t)
const admin = await newUser(services, 'admin')
const user = await newUser(services)
const browser = new Browser(app)
await browser.signIn(admin)

const FIELDS = {
  issuer: 'https://gitlab.com',
  match: 'project_path=acme/shop\r\nref=refs/heads/a=b',
  pin: 'project_id\r\nnamespace_id',
  user: user.email,
  'scope.orders:read': '1',
  lifetime: '10',
}

async function send(url: string, fields: Record<string, string | undefined>, action: RegExp) {
  const response = await browser.submit(await browser.get(url), fields, action)
  t.equal(response.statusCode, 303, response.body)
  return browser.get(locationOf(response).pathname)
}

/** The fields of the form of a trust as the page shows them, which are not in hidden fields. */
const shown = { ...FIELDS, name: 'acme/shop', audience: 'http://localhost:3000' }

t.test('a workload is trusted, changed and no longer trusted', async t => {
  t.match((await browser.get('/manage/trusts')).body, 'No trusted workloads yet.')
  const added = await send('/manage/trusts/new', FIELDS, /trusts$/)
  t.match(added.body, 'The trust <bdi>acme/shop</bdi> was added.')
  t.match(added.body, '<code>project_path=acme/shop</code>')
  const [trust] = await services.trusts.list()
  t.match(trust, {
    match: { project_path: 'acme/shop', ref: 'refs/heads/a=b' },
    pin: ['project_id', 'namespace_id'],
    user: user.id,
    scopes: ['orders:read'],
    lifetime: 600,
  })
  const url = `/manage/trusts/${trust?.id}`
  const updatedAt = async () => (await services.trusts.find(trust?.id as string)).updatedAt.getTime()
  t.ok(await updatedAt())

  t.match(
    (await send(url, { ...shown, name: 'Shop' }, /trusts\/[\w-]+$/)).body,
    '<bdi>Shop</bdi> was updated. Tokens revoked: <bdi>0</bdi>.',
  )
  const changed = await send(url, { ...shown, name: 'Shop', 'scope.reports': '1', lifetime: '60' }, /trusts\/[\w-]+$/)
  t.match(changed.body, 'name="scope.reports" value="1" checked')
  t.match(await services.trusts.find(trust?.id as string), {
    name: 'Shop',
    lifetime: 3_600,
    scopes: ['orders:read', 'reports'],
  })
  t.match((await browser.get('/manage/trusts')).body, 'Shop')

  t.match((await browser.get(`${url}/remove`)).body, /Remove the trust .*Shop.*\?/)
  t.match(
    (await send(`${url}/remove`, {}, /remove$/)).body,
    'The trust <bdi>Shop</bdi> was removed. Tokens revoked: <bdi>0</bdi>.',
  )
  t.strictSame(await services.trusts.list(), [])
  t.equal((await browser.get(url)).statusCode, 404)
})

t.test('a page from before another change changes nothing, and shows the values of now', async t => {
  const settings = { issuer: 'https://gitlab.com', match: { project_path: 'acme/shop' }, userId: user.id }
  const { id, name } = await services.trusts.create({ ...settings, scopes: ['orders:read', 'reports'] })
  const old = await browser.get(`/manage/trusts/${id}`)
  await services.trusts.update(id, { scopes: ['orders:read'] })
  const form = {
    ...FIELDS,
    match: 'project_path=acme/shop',
    pin: '',
    audience: 'http://localhost:3000',
    lifetime: '15',
  }
  const renamed = { ...form, name: 'Shop' }
  const page = await browser.submit(old, { ...renamed, 'scope.reports': '1' }, /trusts\/[\w-]+$/)
  t.equal(page.statusCode, 409)
  t.match(page.body, 'This trust has changed since you opened the page.')
  t.match(page.body, 'name="scope.reports" value="1">')
  t.match(await services.trusts.find(id), { name, scopes: ['orders:read'] })
  t.equal((await browser.submit(page, renamed, /trusts\/[\w-]+$/)).statusCode, 303)
  t.strictSame((await services.trusts.find(id)).scopes, ['orders:read'])
  await services.trusts.remove(id)
})

t.test('a trust with administrative scopes needs a fresh sign-in', async t => {
  const page = await browser.get('/manage/trusts/new')
  await services.db.query(
    `update sessions set created_at = created_at - interval '11 minutes', proved_at = proved_at - interval '11 minutes'`,
  )
  const fields = { ...FIELDS, user: admin.email, 'scope.admin:read': '1' }
  const asked = await browser.submit(page, fields, /trusts$/)
  t.equal(asked.statusCode, 403)
  t.strictSame(await services.trusts.list(), [])
  t.equal((await browser.submit(asked, { own_password: PASSWORD }, /trusts$/)).statusCode, 303)
  const [trust] = await services.trusts.list()
  t.match(trust, { user: admin.id, scopes: ['orders:read', 'admin:read'] })
  await services.trusts.remove(trust?.id as string)
})

t.test('what is wrong is said, and what was typed is kept', async t => {
  for (const [change, message] of [
    [{ user: 'nobody@example.com' }, 'has no account here'],
    [{ match: 'project_path' }, 'not claim=value: project_path'],
    [{ match: 'project_path=*' }, 'accepts every token'],
    [{ lifetime: '61' }, 'Lifetime must be 1 to 60 minutes.'],
    [{ user: undefined }, 'Enter an active user or app.'],
    [{ 'scope.orders:read': undefined }, 'Select at least one scope.'],
    [{ 'scope.admin:read': '1' }, 'Only administrators can have admin:read.'],
    [{ issuer: 'http://gitlab.com' }, 'is not https'],
  ] as const) {
    const page = await browser.submit(await browser.get('/manage/trusts/new'), { ...FIELDS, ...change }, /trusts$/)
    t.equal(page.statusCode, 400, message)
    t.match(page.body, message)
    t.match(page.body, 'namespace_id')
  }
  t.strictSame(await services.trusts.list(), [])
})
