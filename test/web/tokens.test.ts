import t from 'tap'
import { newUser, type TestOptions, testApp } from '../helpers/app.ts'
import { Browser, errorsOf, formOf, locationOf } from '../helpers/browser.ts'
import { refusesForgery, ticked } from '../helpers/forms.ts'

const { app, services } = await testApp(t)
const HOSTILE = '"><script>alert(1)</script>gnp.exe {name}'

async function person(role: 'user' | 'admin' = 'user') {
  const user = await newUser(services, role)
  const browser = new Browser(app)
  await browser.signIn(user)
  const issue = async (name: string, more: { scopes?: string[]; expiresAt?: Date } = {}) =>
    (await services.tokens.issuePersonal({ user, name, ...more })).token
  return { user, browser, issue }
}

const make = async (browser: Browser, fields: Record<string, string | undefined>) =>
  browser.submit(await browser.get('/tokens/new'), { name: 'deploy', expires_in: '30d', ...fields }, /tokens$/)
const plainTextOf = ({ body }: { body: string }) => /<input id="plain-text"[^>]* value="([^"]+)"/.exec(body)?.[1]
const opens = async (token = '') =>
  (await app.inject({ url: '/api/user', headers: { authorization: `Bearer ${token}` } })).statusCode
const days = (count: number) => new Date(Date.now() + count * 86_400_000)

t.test('the pages are for whoever is signed in', async t => {
  const nobody = new Browser(app)
  const there = locationOf(await nobody.get('/tokens/new?name=deploy&expires_in=7d'))
  t.equal(there.pathname, '/login')
  t.equal(there.searchParams.get('next'), '/tokens/new?name=deploy&expires_in=7d', 'and leads back')
  const { browser, issue } = await person()
  const { id } = await issue('mine')
  const page = await browser.get('/tokens/new')
  t.equal((await nobody.submit(page, { name: 'x', expires_in: '7d' }, /tokens$/)).statusCode, 401)
  for (const path of ['', '/suspend', '/resume', '/rotate', '/revoke']) {
    t.equal((await nobody.post(`/tokens/${id}${path}`, {})).statusCode, 401)
  }
})

t.test('the list', async t => {
  t.test('explains itself where there is nothing', async t => {
    const { browser } = await person()
    const { body } = await browser.get('/tokens')
    t.match(body, 'You have no tokens yet.')
    t.match(body, 'href="/tokens/new"')
    t.notMatch(body, '<table')
  })

  t.test('says of each token what it may do, when it was used, and when it ends', async t => {
    const { browser, issue, user } = await person()
    await issue('plain', { scopes: ['orders:read'] })
    await issue('short', { expiresAt: days(3) })
    const paused = await issue('paused')
    await services.tokens.change(user, paused.id, { suspended: true })
    const { body } = await browser.get('/tokens')
    t.match(
      body,
      /plain<\/bdi><\/a><\/th>\s*<td data-label="Scopes"><ul class="chips">\s*<li><code>orders:read<\/code>/,
    )
    const exact = /<time datetime="[^"]+Z" title="([^"]+ UTC)">just now<span class="unseen">, ([^<]+)<\/span><\/time>/
    const [, title, unseen] = exact.exec(body) ?? []
    t.ok(title, 'the exact time')
    t.equal(unseen, title, 'also for those who are not told of titles')
    t.match(body, /<td data-label="Last used"><span>Never<\/span><\/td>/)
    t.match(
      body,
      /<span class="soon"><time [^>]*>in 3 days<span [^>]*>[^<]*<\/span><\/time> <span class="badge caution">Soon/,
    )
    t.match(body, /paused<\/bdi><\/a> <span class="badge caution">Suspended/)
  })

  t.test('says when a token was last used', async t => {
    const { browser } = await person()
    await opens(plainTextOf(await make(browser, {})))
    t.match((await browser.get('/tokens')).body, /<td data-label="Last used"><span><time [^>]*>just now/)
  })

  t.test('is searched by name and scope, and filtered by state', async t => {
    const { browser, issue, user } = await person()
    await issue('Deploy', { scopes: ['orders:read'] })
    await issue('100%_sure', { scopes: ['reports:export'] })
    const gone = await issue('gone', { scopes: [] })
    await services.tokens.revoke(user.id, gone.id)
    const paused = await issue('paused', { scopes: [] })
    await services.tokens.change(user, paused.id, { suspended: true })
    const found = async (query: string) => {
      const { body } = await browser.get(`/tokens?${query}`)
      return [...body.matchAll(/<bdi>([^<]*)<\/bdi><\/a>/g)].map(([, name]) => name)
    }
    t.strictSame(await found(''), ['paused', '100%_sure', 'Deploy'])
    t.strictSame(await found('search=dEPL'), ['Deploy'])
    t.strictSame(await found('search=reports'), ['100%_sure'], 'part of a scope')
    t.strictSame(await found('search=%25_s'), ['100%_sure'], 'signs that mean something to the database')
    t.strictSame(await found('search=%25%25'), [])
    t.strictSame(await found('state=suspended'), ['paused'])
    t.strictSame(await found('state=ended'), ['gone'])
    t.strictSame(await found('state=all&search=one'), ['gone'])
    t.strictSame(
      await found('state=nonsense&sort=x&search=a&search=b'),
      ['paused', '100%_sure', 'Deploy'],
      'nonsense is no filter',
    )
    t.match((await browser.get('/tokens?search=nothing-like-it')).body, 'No tokens match.')
  })

  t.test('comes in pages, which keep the search', async t => {
    const { browser, issue } = await person()
    for (let i = 0; i < 12; i++) await issue(`bulk ${i}`)
    await issue('other')
    const first = await browser.get('/tokens?search=bulk')
    t.match(first.body, 'bulk 11')
    t.notMatch(first.body, /bulk 1</)
    const next = /href="([^"]*)" rel="next"/.exec(first.body)?.[1]?.replaceAll('&amp;', '&') as string
    const second = await browser.get(next)
    t.match(second.body, /bulk 0<.*First page/s)
    t.notMatch(second.body, />other<|rel="next"/)
    t.equal((await browser.get('/tokens?cursor=nonsense')).statusCode, 400)
  })

  t.test('says how many there are, and is sorted by each column, either way', async t => {
    const { browser, issue, user } = await person()
    await issue('b', { scopes: ['orders:read'], expiresAt: days(9) })
    const used = await issue('c', { scopes: ['orders:read', 'reports'], expiresAt: days(12) })
    await issue('A', { scopes: [], expiresAt: days(10) })
    const gone = await issue('gone')
    await services.tokens.revoke(user.id, gone.id)
    await services.usage.write([{ id: used.id, at: Date.now(), by: 'https://orders.example.com/v1/', scopes: [] }])
    const names = (body: string) => [...body.matchAll(/<bdi>([^<]*)<\/bdi><\/a>/g)].map(([, name]) => name).join('')
    const first = await browser.get('/tokens?search=&state=live')
    t.match(first.body, '3 tokens')
    t.match(first.body, /<small class="muted">by <bdi>orders.example.com\/v1</, 'where it was used last')
    t.match((await browser.get('/tokens?search=EXAMPLE.com/v1')).body, '1 token<', 'searched by that')
    t.match(first.body, /aria-sort="descending"><a [^>]*>Created</)
    const headings = [...first.body.matchAll(/<th scope="col"[^>]*><a href="([^"]*)">/g)].map(([, href]) =>
      (href as string).replaceAll('&amp;', '&'),
    )
    const orders = []
    for (const href of headings) {
      const { body } = await browser.get(href)
      const [, sorted, back = ''] = /aria-sort="(\w+)"><a href="([^"]*)"/.exec(body) ?? []
      const again = await browser.get(back.replaceAll('&amp;', '&'))
      orders.push([sorted, names(body), names(again.body)])
    }
    t.strictSame(orders, [
      ['ascending', 'Abc', 'cbA'],
      ['descending', 'cbA', 'Abc'],
      ['ascending', 'bcA', 'Acb'],
      ['descending', 'cAb', 'bAc'],
      ['ascending', 'bAc', 'cAb'],
    ])
  })

  t.test('tells tokens of one name apart, and the one that was replaced', async t => {
    const { browser, issue, user } = await person()
    const old = await issue('twin')
    await issue('single')
    const { token } = await services.tokens.rotate(user, old.id, { overlapSeconds: 3_600 })
    const { body } = await browser.get('/tokens')
    for (const { id } of [old, token]) t.match(body, `twin</bdi> <small class="mono muted">…${id.slice(-6)}</small>`)
    t.match(body, /single<\/bdi><\/a>/)
    const [replaced] = body.split('Replaced</span>', 1)
    t.match(replaced?.slice(replaced.lastIndexOf('<tr>')), old.id)
    t.equal(body.split('Replaced</span>').length, 2, 'only that one')
  })

  t.test('revokes what is selected, after a page that shows it', async t => {
    const { browser, issue } = await person()
    const [one, two, kept] = [await issue('one'), await issue('two'), await issue('kept')]
    const other = await person()
    const theirs = await other.issue('theirs')
    const list = await browser.get('/tokens')
    t.match(list.body, 'aria-label="Select one"')
    const query = [one, two, theirs].map(({ id }) => `token.${id}=on`).join('&')
    const ask = await browser.get(`/tokens/revoke?${query}`)
    t.match(ask.body, 'Revoke 2 tokens?')
    t.match(ask.body, /<bdi>one<.*<bdi>two</s)
    t.notMatch(ask.body, /kept|theirs/)
    await refusesForgery(t, { browser, other: other.browser }, ask, {}, /revoke$/)
    const done = await browser.submit(ask, {}, /revoke$/)
    t.equal(done.headers.location, '/tokens')
    t.match((await browser.get('/tokens')).body, /2<\/bdi> tokens were revoked. They no longer work./)
    const state = async ({ id, user }: typeof one) => (await services.tokens.find(user as string, id)).revoked
    t.strictSame(
      [await state(one), await state(two), await state(kept), await state(theirs)],
      [true, true, false, false],
    )
    t.equal((await browser.submit(ask, {}, /revoke$/)).headers.location, '/tokens', 'a second time')
    t.match((await browser.get('/tokens')).body, 'No token was revoked')
    t.equal((await browser.get('/tokens/revoke')).headers.location, '/tokens', 'nothing selected')
  })

  t.test("has nobody else's tokens", async t => {
    const { issue } = await person()
    await issue('private matter')
    t.notMatch((await (await person('admin')).browser.get('/tokens?state=all')).body, 'private matter')
  })
})

t.test('the form for a new token', async t => {
  t.test('offers the scopes in groups, the defaults ticked, the reserved ones apart', async t => {
    const { browser } = await person()
    const { body } = await browser.get('/tokens/new')
    t.strictSame(ticked(body), ['scope.orders:read', 'scope.tokens:rotate'])
    t.match(body, /<legend><code>orders<\/code>.*Read orders.*Place orders.*<legend><code>reports<\/code>/s)
    t.match(body, /<fieldset class="reserved">.*tokens:write.*<code>\*<\/code>/s)
    t.notMatch(body, 'admin:')
    t.match((await (await person('admin')).browser.get('/tokens/new')).body, 'scope.admin:write')
  })

  t.test('is filled in by a link, which sends nothing', async t => {
    const { browser, user } = await person()
    const link = '/tokens/new?name=deploy&scopes=orders:read,orders:create,nope&expires_in=12d'
    const { body } = await browser.get(link)
    t.match(body, /<input id="name" [^>]*value="deploy"/)
    t.match(body, '<option value="12d" selected>In 12 days')
    t.strictSame(ticked(body), ['scope.orders:read', 'scope.orders:create'])
    t.equal((await services.tokens.list(user.id, { limit: 1 })).length, 0)
    for (const query of ['name=a&name=b', 'expires_in=-1', 'expires_in=9999999d', 'scopes=%00', 'name=%00'])
      t.ok([200, 400].includes((await browser.get(`/tokens/new?${query}`)).statusCode), query)
    t.match((await browser.get('/tokens/new?expires_in=nonsense')).body, '<option value="30d" selected>')
    const hostile = await browser.get(`/tokens/new?name=${encodeURIComponent(HOSTILE)}&expires_in=${HOSTILE}`)
    t.notMatch(hostile.body, '<script>')
  })

  t.test('makes a token that works, and shows its text once', async t => {
    const { browser, user } = await person()
    const made = await make(browser, { 'scope.orders:read': undefined, 'scope.reports': '1' })
    t.equal(made.statusCode, 201)
    t.equal(made.headers['cache-control'], 'no-store')
    const plainText = plainTextOf(made) as string
    t.equal(await opens(plainText), 200)
    t.match(made.body, `curl -H &#39;Authorization: Bearer ${plainText}&#39; http://localhost:3000/api/user`)
    t.notOk([made.headers['set-cookie']].flat().some(cookie => String(cookie).includes(plainText.slice(-20))))
    const [token] = await services.tokens.list(user.id, { limit: 1 })
    t.match(token, { name: 'deploy', scopes: ['reports'] })
    t.equal(Math.round((token!.expiresAt.getTime() - Date.now()) / 86_400_000), 30)
    for (const path of [`/tokens/${token?.id}`, '/tokens']) {
      t.notMatch((await browser.get(path)).body, plainText, 'nowhere after')
    }
  })

  t.test('sent again, as a reload does, makes no second token and shows no text', async t => {
    const { browser, user } = await person()
    const page = await browser.get('/tokens/new')
    const fields = { name: 'once', expires_in: '7d' }
    const made = await browser.submit(page, fields, /tokens$/)
    const again = await browser.submit(page, fields, /tokens$/)
    t.equal(again.statusCode, 303)
    const [token, ...more] = await services.tokens.list(user.id, { limit: 5 })
    t.strictSame(more, [])
    t.equal(again.headers.location, `/tokens/${token?.id}`)
    t.notMatch((await browser.get(String(again.headers.location))).body, plainTextOf(made) as string)
    t.equal((await make(browser, {})).statusCode, 201, 'a new form does')
    browser.cookies.set(`${browser.sessionCookie}-issued`, 'x.y~../../evil.https://evil.example')
    t.equal((await make(browser, {})).statusCode, 201, 'whatever somebody planted')
  })

  t.test('is short unless a JWT is chosen, or the link says so', async t => {
    const { browser } = await person()
    t.match(plainTextOf(await make(browser, {})), /^post_\w{46}$/)
    const jwt = await make(browser, { format: 'jwt' })
    t.match(plainTextOf(jwt), /^eyJ/)
    t.match(jwt.body, 'curl -H &quot;Authorization: Bearer $TOKEN&quot; http', 'a command that fits')
    t.match((await browser.get('/tokens/new')).body, /name="format" value="opaque" checked/)
    t.match((await browser.get('/tokens/new?format=jwt')).body, /name="format" value="jwt" checked/)
    t.match(plainTextOf(await make(browser, { format: 'nonsense' })), /^post_/)
  })

  t.test('says on which day each choice ends, and what it creates', async t => {
    const { browser } = await person()
    const { body } = await browser.get('/tokens/new?name=deploy&scopes=orders:read&expires_in=7d')
    const year = days(7).getUTCFullYear()
    t.match(body, new RegExp(`<option value="7d" selected>In 7 days \\(\\w{3}, \\w{3} \\d+, ${year}\\)`))
    t.match(body, new RegExp(`data-of="expires">In 7 days \\(.*${year}\\)<`))
    t.match(body, /data-of="name">deploy<.*data-of="scopes">orders:read<.*data-of="format">Short</s)
  })

  t.test('takes a date, to its end', async t => {
    const { browser, user } = await person()
    const date = days(12).toISOString().slice(0, 10)
    t.equal((await make(browser, { expires_in: 'date', expires_on: date })).statusCode, 201)
    const [token] = await services.tokens.list(user.id, { limit: 1 })
    t.equal(token?.expiresAt.toISOString(), `${date}T23:59:59.000Z`)
    const last = /max="([^"]+)"/.exec((await browser.get('/tokens/new')).body)?.[1] as string
    t.equal((await make(browser, { expires_in: 'date', expires_on: last })).statusCode, 201, 'the last day there is')
  })

  t.test('comes back as it was when something is wrong with it', async t => {
    const { browser, user } = await person()
    const nextYear = new Date().getUTCFullYear() + 1
    const wrong: [Record<string, string | undefined>, RegExp, field: string][] = [
      [{ name: '' }, /Enter a name/, 'name'],
      [{ name: '  ' }, /Enter a name/, 'name'],
      [{ name: 'x'.repeat(256) }, /1 to 255/, 'name'],
      [{ expires_in: '' }, /Choose when/, 'expires_in'],
      [{ expires_in: '9999d' }, /must not be later than/, 'expires_in'],
      [{ expires_in: 'date' }, /Choose the date/, 'expires_on'],
      [{ expires_in: 'date', expires_on: `${nextYear}-02-31` }, /Choose the date/, 'expires_on'],
      [{ expires_in: 'date', expires_on: '2020-01-01' }, /future/, 'expires_on'],
      [{ expires_in: 'date', expires_on: '2999-01-01' }, /must not be later/, 'expires_on'],
      [{ 'scope.nope': '1' }, /no scope “nope”/, 'scopes'],
      [{ 'scope.admin:write': '1' }, /Only administrators/, 'scopes'],
    ]
    for (const [fields, said, field] of wrong) {
      const page = await make(browser, {
        name: HOSTILE,
        'scope.orders:read': undefined,
        'scope.reports': '1',
        ...fields,
      })
      t.equal(page.statusCode, 400, JSON.stringify(fields))
      const errors = errorsOf(page.body)
      t.strictSame(Object.keys(errors).sort(), ['above', field].sort(), 'beside the field, and nowhere else')
      t.match(errors[field], said)
      if (fields.expires_on)
        t.match(page.body, `name="expires_on" value="${fields.expires_on}"`, 'what was typed stays')
      t.strictSame(ticked(page.body), ['scope.reports', 'scope.tokens:rotate'])
      t.notMatch(page.body, '<script>')
    }
    t.equal((await services.tokens.list(user.id, { limit: 1 })).length, 0)
  })
})

t.test('a token', async t => {
  t.test('is renamed and given other scopes, and keeps its text', async t => {
    const { browser, user } = await person()
    const plainText = plainTextOf(await make(browser, { 'scope.orders:read': '1' })) as string
    const [{ id } = { id: '' }] = await services.tokens.list(user.id, { limit: 1 })
    const page = await browser.get(`/tokens/${id}`)
    t.strictSame(ticked(page.body), ['scope.orders:read', 'scope.tokens:rotate'])
    const form = new RegExp(`${id}$`)
    const saved = await browser.submit(page, { name: HOSTILE, 'scope.orders:read': '1' }, form)
    t.equal(saved.headers.location, `/tokens/${id}`)
    const after = await browser.get(`/tokens/${id}`)
    t.match(after.body, /role="status">The token “<bdi>&quot;&gt;&lt;script/)
    t.notMatch(after.body, /<script>|\u202e/)
    t.notMatch((await browser.get(`/tokens/${id}`)).body, 'role="status"', 'said once')
    const same = await services.tokens.find(user.id, id)
    t.notOk(same.changed, 'a name changes nothing for whoever checks it offline')
    await browser.submit(page, { name: 'deploy', 'scope.orders:read': undefined, 'scope.reports': '1' }, form)
    t.match(await services.tokens.find(user.id, id), { name: 'deploy', scopes: ['reports'], changed: true })
    t.equal(await opens(plainText), 200)
    const refused = await browser.submit(page, { name: 'x', 'scope.nope': '1' }, form)
    t.equal(refused.statusCode, 400)
    t.match(errorsOf(refused.body).scopes, /no scope “nope”/)
    t.match(refused.body, /<details open>/, 'the form that is wrong can be seen')
  })

  t.test('loses a scope that it never used, and shows what was done to it', async t => {
    const { browser, user } = await person()
    const { token, plainText } = await services.tokens.issuePersonal({
      user,
      name: 'x',
      scopes: ['orders:read', 'reports'],
    })
    await services.usage.write([{ id: token.id, at: Date.now(), by: null, scopes: ['orders:read'] }])
    const page = await browser.get(`/tokens/${token.id}`)
    t.match(page.body, /<code>reports<\/code><\/span> <span class="row"><span class="badge">Never used/)
    t.match(page.body, 'name="scope" value="reports"')
    t.notMatch(page.body, 'name="scope" value="orders:read"', 'not one that is used')
    const done = await browser.submit(page, { scope: 'reports' }, /scopes\/remove$/)
    t.equal(done.headers.location, `/tokens/${token.id}`)
    t.strictSame((await services.tokens.find(user.id, token.id)).scopes, ['orders:read'])
    await browser.submit(page, { scope: 'nope' }, /scopes\/remove$/)
    t.strictSame((await services.tokens.find(user.id, token.id)).scopes, ['orders:read'], 'nothing else')
    const { body } = await browser.get(`/tokens/${token.id}`)
    const [, history] = body.split('>History</h2>')
    t.match(history, /Token updated <span class="muted">by you<.*Token issued <span class="muted">by this server</s)
    t.equal(await opens(plainText), 200)
  })

  t.test('is rotated, with an overlap or without', async t => {
    const { browser, user } = await person()
    const old = plainTextOf(await make(browser, { name: 'rotating' }))
    const [{ id } = { id: '' }] = await services.tokens.list(user.id, { limit: 1 })
    const page = await browser.get(`/tokens/${id}`)
    const rotated = await browser.submit(page, { overlap: 'day' }, /rotate$/)
    t.equal(rotated.statusCode, 201)
    t.match(rotated.body, 'works for another 24 hours')
    const next = plainTextOf(rotated)
    t.strictSame([await opens(old), await opens(next)], [200, 200])
    t.equal((await browser.submit(page, { overlap: 'day' }, /rotate$/)).statusCode, 303, 'a reload rotates nothing')
    const successor = locationOf(await browser.submit(page, {}, /rotate$/)).pathname
    const last = await browser.submit(await browser.get(successor), { overlap: 'none' }, /rotate$/)
    t.strictSame([await opens(next), await opens(plainTextOf(last))], [401, 200])
    const dead = await browser.post(`${successor}/rotate`, { ...formOf(page.body, /rotate$/).fields, once: 'other' })
    t.equal(dead.statusCode, 409)
    t.match(dead.body, 'The token has been revoked.')
  })

  t.test('is suspended and resumed', async t => {
    const { browser, user } = await person()
    const text = plainTextOf(await make(browser, {}))
    const [{ id } = { id: '' }] = await services.tokens.list(user.id, { limit: 1 })
    await browser.submit(await browser.get(`/tokens/${id}`), {}, /suspend$/)
    t.equal(await opens(text), 401)
    const page = await browser.get(`/tokens/${id}`)
    t.match(page.body, 'was suspended. It will not work until you resume it.')
    t.notMatch(page.body, `${id}/rotate"`)
    await browser.submit(page, {}, /resume$/)
    t.equal(await opens(text), 200)
  })

  t.test('is revoked after a page that names it', async t => {
    const { browser, user } = await person()
    const text = plainTextOf(await make(browser, { name: 'to be <b>revoked</b>' }))
    const [{ id } = { id: '' }] = await services.tokens.list(user.id, { limit: 1 })
    const ask = await browser.get(`/tokens/${id}/revoke`)
    t.match(ask.body, 'Revoke the token “<bdi>to be &lt;b&gt;revoked&lt;/b&gt;</bdi>”?')
    t.equal(await opens(text), 200, 'asking does nothing')
    const done = await browser.submit(ask, {}, /revoke$/)
    t.equal(done.headers.location, '/tokens')
    t.equal(await opens(text), 401)
    t.match((await browser.get('/tokens')).body, 'was revoked. It no longer works.')
    const page = await browser.get(`/tokens/${id}`)
    t.match(page.body, /<dd><span class="badge danger">Revoked</)
    t.notMatch(page.body, /action="\/tokens\/[^"]+"/, 'nothing can be done with it')
  })

  t.test('of another person is not there', async t => {
    const { issue } = await person()
    const token = await issue('theirs')
    const { browser } = await person('admin')
    const fields = formOf((await browser.get('/tokens/new')).body, /tokens$/).fields
    for (const id of [token.id, 'nonsense', '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11']) {
      for (const path of ['', '/revoke']) t.equal((await browser.get(`/tokens/${id}${path}`)).statusCode, 404)
      for (const path of ['', '/suspend', '/resume', '/rotate', '/revoke', '/scopes/remove']) {
        const answer = await browser.post(`/tokens/${id}${path}`, { ...fields, name: 'mine', once: `${path}x` })
        t.equal(answer.statusCode, 404, path)
        t.notMatch(answer.body, 'theirs')
      }
    }
    t.match(await services.tokens.find(token.user as string, token.id), { name: 'theirs', suspended: false })
  })
})

t.test('every form requires its CSRF token', async t => {
  const { browser, issue, user } = await person()
  const other = (await person()).browser
  const { id } = await issue('kept', { scopes: ['reports'] })
  const paused = await issue('paused')
  await services.tokens.change(user, paused.id, { suspended: true })
  const page = await browser.get(`/tokens/${id}`)
  const both = { browser, other }
  await refusesForgery(t, both, await browser.get('/tokens/new'), { name: 'x', expires_in: '7d' }, /tokens$/)
  await refusesForgery(t, both, page, { name: 'x' }, new RegExp(`${id}$`))
  await refusesForgery(t, both, page, { scope: 'reports' }, /scopes\/remove$/)
  await refusesForgery(t, both, page, {}, /suspend$/)
  await refusesForgery(t, both, page, { overlap: 'none' }, /rotate$/)
  await refusesForgery(t, both, await browser.get(`/tokens/${paused.id}`), {}, /resume$/)
  await refusesForgery(t, both, await browser.get(`/tokens/${id}/revoke`), {}, /revoke$/)
  t.match(await services.tokens.find(user.id, id), {
    name: 'kept',
    scopes: ['reports'],
    revoked: false,
    suspended: false,
  })
  t.equal((await services.tokens.list(user.id, { limit: 9 })).length, 2)
})

t.test('hostile scopes are shown as text', async t => {
  const catalogue: TestOptions['catalogue'] = [
    { id: '<b>:x', description: '"><img src=x onerror=alert(1)>', default: true },
    { id: "a&'b", description: '{name} $&' },
  ]
  const { app, services } = await testApp(t, { catalogue })
  const user = await services.users.create({
    email: 'x@example.com',
    name: '<img src=x onerror=alert(1)>',
    password: 'correct horse battery',
  })
  const browser = new Browser(app)
  await browser.signIn(user)
  const page = await browser.get('/tokens/new')
  const made = await browser.submit(page, { name: HOSTILE, expires_in: '7d', "scope.a&'b": '1' }, /tokens$/)
  t.equal(made.statusCode, 201)
  const [token] = await services.tokens.list(user.id, { limit: 1 })
  t.strictSame(token?.scopes, ['<b>:x', "a&'b", 'tokens:rotate'])
  for (const path of ['/tokens', '/tokens/new', `/tokens/${token?.id}`, `/tokens/${token?.id}/revoke`]) {
    const { body } = await browser.get(path)
    t.notMatch(body, /<img|<b>|<script>|\u202e/, path)
    t.notMatch(body, /<script(?! src="\/assets\/postern\.js)/, path)
  }
})

t.test('a token may be for some APIs only, and its page says for which', async t => {
  const { app, services } = await testApp(t)
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  t.notMatch((await browser.get('/tokens/new')).body, 'name="resource.', 'where there are none, nothing is asked')
  const uri = 'https://orders.example.com'
  await services.clients.create({ name: 'Orders <API>', audience: uri })
  const page = await browser.get('/tokens/new')
  t.match(page.body, 'Orders &lt;API&gt;')
  const send = async (fields: Record<string, string | undefined>) => {
    const form = await browser.get('/tokens/new')
    const { body } = await browser.submit(form, { name: 'ci', expires_in: '30d', format: 'jwt', ...fields }, /tokens$/)
    return JSON.parse(Buffer.from(plainTextOf({ body })?.split('.')[1] ?? '', 'base64url').toString())
  }
  const bound = await send({ [`resource.${uri}`]: 'on' })
  t.equal(bound.aud, uri)
  t.match((await browser.get(`/tokens/${bound.jti}`)).body, `<code>${uri}</code>`)
  const everywhere = await send({})
  t.equal(everywhere.aud, services.config.audience)
  t.match((await browser.get(`/tokens/${everywhere.jti}`)).body, 'Every API of this server')
})
