import t from 'tap'
import { newUser, testApp } from '../../helpers/app.ts'
import { Browser } from '../../helpers/browser.ts'

const { app, services } = await testApp(t)
const browser = new Browser(app)
await browser.signIn(await newUser(services, 'admin'))

const names = (body: string) => [...body.matchAll(/<th scope="row"><a [^>]*><bdi>([^<]*)/g)].map(([, name]) => name)
const find = async (query: string) => names((await browser.get(`/manage/clients?${query}`)).body)
const linkIn = (body: string, pattern: RegExp) => pattern.exec(body)?.[1]?.replaceAll('&amp;', '&') as string

for (const name of ['billing', 'Archive', 'crawler'])
  await services.clients.create({ name: `${name} of-test`, redirectUris: [`https://${name}.example/cb`] })

t.test('apps are searched by what they are known by', async t => {
  const [client] = await services.clients.list({ search: 'crawler', limit: 1 })
  t.strictSame(await find('search=ARCHIVE'), ['Archive of-test'])
  t.strictSame(await find(`search=${client?.id}`), ['crawler of-test'])
  t.strictSame(await find('search=billing.example%2Fcb'), ['billing of-test'])
  t.strictSame(await find('search=%25'), [], 'a wildcard is a character')
  const none = await browser.get('/manage/clients?search=nobody')
  t.match(none.body, 'No apps match.')
  t.match(none.body, 'name="search" value="nobody"', 'what was typed stays')
})

t.test('apps are sorted by a heading, and the search stays', async t => {
  const oldest = ['billing of-test', 'Archive of-test', 'crawler of-test']
  t.strictSame(await find('search=of-test'), oldest)
  t.strictSame(await find('search=of-test&sort=-created_at'), oldest.toReversed())
  t.strictSame(await find('search=of-test&sort=nothing'), oldest, 'an unknown order is ignored')
  const first = await browser.get('/manage/clients?search=of-test')
  const byName = await browser.get(linkIn(first.body, /<th scope="col" class="broad"><a href="([^"]*)"/))
  t.strictSame(names(byName.body), ['Archive of-test', 'billing of-test', 'crawler of-test'])
  t.match(byName.body, /aria-sort="ascending"><a/)
  const again = await browser.get(linkIn(byName.body, /aria-sort="ascending"><a href="([^"]*)"/))
  t.strictSame(names(again.body), ['crawler of-test', 'billing of-test', 'Archive of-test'])
})

t.test('pages keep the order and the search', async t => {
  for (let n = 10; n < 21; n++) await services.clients.create({ name: `many ${n}` })
  const first = await browser.get('/manage/clients?search=many&sort=-name')
  t.equal(names(first.body)[0], 'many 20')
  t.strictSame(names((await browser.get(linkIn(first.body, /href="([^"]*)" rel="next"/))).body), ['many 10'])
})
