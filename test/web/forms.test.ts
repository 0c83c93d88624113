import { globSync, readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { Browser, errorsOf, formOf } from '../helpers/browser.ts'

const VIEWS = `${import.meta.dirname}/../../src/web/views`
const { app, services } = await testApp(t)
const admin = await newUser(services, 'admin')
const browser = new Browser(app)
await browser.signIn(admin)

interface Form {
  view: string
  path: string
  action?: RegExp
  typed: Record<string, string>
  /** The fields that are wrong; `above`: what is wrong with the form as a whole. */
  wrong: string[]
}

const { id: token } = await actingAs(services)
const { client } = await services.clients.create({ name: 'Gateway' })
const account = await services.serviceAccounts.create({ name: 'Builds', maintainers: [admin.id] })
const user = await newUser(services)
const ownApp = {
  action: /own(\/[\w-]+)?$/,
  typed: { name: ' ', redirect_uris: 'http://a.example\nx', 'grant:refresh_token': 'on' },
  wrong: ['name', 'redirect_uris'],
}
const own = await services.clients.create({ name: 'Mine', userId: admin.id, redirectUris: ['https://a.example/cb'] })
const trust = {
  typed: { issuer: 'ftp://x', match: 'sub=*', pin: 'a b', lifetime: '999', name: '\u200b', audience: 'a b' },
  wrong: ['issuer', 'match', 'pin', 'user_id', 'scopes', 'lifetime', 'name', 'audience'],
}

const { id: mine } = await actingAs(services, [], { user: admin })

const trusted = await services.trusts.create({
  issuer: 'https://ci.example.com',
  match: { sub: 'x' },
  userId: user.id,
  scopes: ['orders:read'],
})

const FORMS: Form[] = [
  {
    view: 'tokens/new.eta',
    path: '/tokens/new',
    action: /tokens$/,
    typed: { name: ' ', expires_in: 'date', expires_on: '2020-01-01', 'scope.nope': '1' },
    wrong: ['name', 'expires_on', 'scopes'],
  },
  {
    view: 'tokens/new.eta',
    path: `/manage/users/${user.id}/tokens/new`,
    action: /tokens$/,
    typed: { name: '\u200b', expires_in: '', 'scope.admin:read': '1' },
    wrong: ['name', 'expires_in', 'scopes'],
  },
  {
    view: 'tokens/token.eta',
    path: `/tokens/${mine}`,
    action: new RegExp(`${mine}$`),
    typed: { name: ' ', 'scope.nope': '1' },
    wrong: ['name', 'scopes'],
  },
  { view: 'device.eta', path: '/device', typed: { user_code: 'BBBB-BBBB' }, wrong: ['user_code'] },
  {
    view: 'account.eta',
    path: '/account',
    action: /account$/,
    typed: { name: ' ', email: 'nobody', current_password: 'wrong one' },
    wrong: ['name', 'email', 'current_password'],
  },
  {
    view: 'account.eta',
    path: '/account',
    action: /password$/,
    typed: { current_password: 'wrong one', password: 'short', password_confirmation: 'other' },
    wrong: ['current_password', 'password', 'password_confirmation'],
  },
  { view: 'apps/fields.eta', path: '/apps/own/new', ...ownApp },
  { view: 'apps/fields.eta', path: `/apps/own/${own.client.id}`, ...ownApp },
  {
    view: 'manage/user-new.eta',
    path: '/manage/users/new',
    typed: { name: ' ', email: 'nobody', password: 'short' },
    wrong: ['name', 'email', 'password'],
  },
  {
    view: 'manage/user.eta',
    path: `/manage/users/${user.id}`,
    action: /password$/,
    typed: { password: 'short' },
    wrong: ['password'],
  },
  {
    view: 'manage/service-account-new.eta',
    path: '/manage/service-accounts/new',
    typed: { name: ' ', description: '\u0007', maintainer: 'nobody@example.com' },
    wrong: ['name', 'description', 'maintainers'],
  },
  {
    view: 'manage/service-account.eta',
    path: `/manage/service-accounts/${account.id}`,
    action: /maintainers$/,
    typed: { maintainer: 'nobody@example.com' },
    wrong: ['maintainer'],
  },
  {
    view: 'manage/service-account-fields.eta',
    path: `/manage/service-accounts/${account.id}`,
    action: /service-accounts\/[\w-]+$/,
    typed: { name: ' ', description: '\u0007', role: 'user', limit: 'limited', 'scope.admin:read': '1' },
    wrong: ['name', 'description', 'allowed_scopes'],
  },
  {
    view: 'manage/client.eta',
    path: `/manage/clients/${client.id}`,
    action: /clients\/[\w-]+$/,
    typed: { exchange_audiences: 'x\ny', resources: 'z' },
    wrong: ['exchange_audiences', 'resources'],
  },
  {
    view: 'manage/client.eta',
    path: `/manage/clients/${client.id}`,
    action: /settings$/,
    typed: { name: ' ', redirect_uris: 'x', audience: 'not a URI', 'grant:refresh_token': 'on' },
    wrong: ['name', 'redirect_uris', 'audience'],
  },
  {
    view: 'apps/fields.eta',
    path: '/manage/clients/new?kind=native',
    action: /clients$/,
    typed: {
      name: 'Mine',
      audience: 'https://orders.example',
      'grant:authorization_code': 'on',
      'grant:client_credentials': 'on',
    },
    wrong: ['redirect_uris', 'audience', 'grant_types'],
  },
  { view: 'manage/blocked-hosts.eta', path: '/manage/blocked-hosts', typed: { host: 'a/b' }, wrong: ['host'] },
  { view: 'manage/trust-fields.eta', path: '/manage/trusts/new', action: /trusts$/, ...trust },
  {
    view: 'manage/trust-fields.eta',
    path: '/manage/trusts/new',
    action: /trusts$/,
    typed: { ...trust.typed, match: 'no claim', user: 'nobody@example.com' },
    wrong: trust.wrong,
  },
  {
    view: 'manage/trust-fields.eta',
    path: `/manage/trusts/${trusted.id}`,
    action: /trusts\/[\w-]+$/,
    typed: { issuer: 'https://ci.example.com', match: 'no claim', user: 'nobody@example.com', lifetime: '999' },
    wrong: ['match', 'user_id', 'lifetime'],
  },
  {
    view: 'manage/handover.eta',
    path: `/manage/tokens/${token}/handover`,
    typed: { person: 'nobody@example.com' },
    wrong: ['person'],
  },
]

const FILTERS: Form[] = [
  {
    view: 'manage/tokens.eta',
    path: '/manage/tokens',
    typed: {
      search: 'deploy',
      user: 'nobody@example.com',
      client: 'x',
      made_before: 'yesterday',
      unused_since: '2026-02-99',
      expires_before: 'soon',
      never_used: 'perhaps',
    },
    wrong: ['user', 'client', 'made_before', 'unused_since', 'expires_before', 'never_used'],
  },
  {
    view: 'manage/audit.eta',
    path: '/manage/audit',
    typed: { user: 'nobody@example.com', client: 'x', token: 'y', since: 'z', until: 'z', kind: 'nothing' },
    wrong: ['user', 'client', 'token', 'since', 'until', 'kind'],
  },
]

/** Forms that need a state of their own; their errors are in the test of their page. */
const ELSEWHERE = [
  'confirm.eta',
  'forgot-password.eta',
  'new-password.eta',
  'reset-password.eta',
  'second-step.eta',
  'security/authenticator-app.eta',
  'security/security.eta',
  'sign-in.eta',
]

/** Names of the API, constants, and what a developer would say. */
const API = /\b[a-z]+_[a-z_]+\b|[A-Z]+_[A-Z]+|\bnull\b|undefined|\[object|\b\w+\/\d+\b/

function assertMarked(t: Test, body: string, { typed, wrong }: Form): void {
  const errors = errorsOf(body)
  t.strictSame(Object.keys(errors).sort(), ['above', ...wrong].sort(), 'every error at once')
  for (const text of Object.values(errors)) {
    t.match(text, /^\p{Lu}.*\.$/u, 'whole sentences')
    t.notMatch(text, API)
  }
  const invalid = [...body.matchAll(/aria-describedby="([^"]*)" aria-invalid="true"/g)].map(([, ids = '']) => ids)
  for (const field of wrong.filter(name => !/scopes$|grant_types/.test(name)))
    t.ok(
      invalid.some(ids => ids.split(' ').includes(`${field}-error`)),
      `${field} is described by its error`,
    )
  for (const [name, value] of Object.entries(typed)) {
    const shown = body.includes(`value="${value}"`) || body.includes(`>${value}</textarea>`)
    if (/password/.test(name)) t.notOk(body.includes(value) && value !== 'other', `${name} is not sent back`)
    else if (
      !['kind', 'never_used', 'expires_in'].includes(name) &&
      !name.startsWith('scope.') &&
      /^[\w@. /*=-]+$/.test(value)
    )
      t.ok(shown, `${name} is kept`)
  }
}

for (const language of ['en', 'de']) {
  const headers = { 'accept-language': language }
  for (const form of FORMS) {
    t.test(`${form.path} ${form.action ?? ''} marks every field that is wrong, in ${language}`, async t => {
      const { action, fields } = formOf((await browser.get(form.path)).body, form.action ?? /^\/(?!logout|language)/)
      const answer = await browser.post(action, { ...fields, ...form.typed }, headers)
      t.equal(answer.statusCode, 400)
      assertMarked(t, answer.body, form)
    })
  }
  for (const form of FILTERS) {
    t.test(`${form.path} marks every filter that is wrong, in ${language}`, async t => {
      const answer = await browser.get(`${form.path}?${new URLSearchParams(form.typed)}`, headers)
      t.equal(answer.statusCode, 400)
      assertMarked(t, answer.body, form)
    })
  }
}

t.test('every form is here, and uses the component', async t => {
  const views = globSync('**/*.eta', { cwd: VIEWS }).filter(view => !/^(components|dev)\//.test(view))
  const source = (view: string) => readFileSync(`${VIEWS}/${view}`, 'utf8')
  const known = new Set([...FORMS, ...FILTERS].map(({ view }) => view).concat(ELSEWHERE))
  const withFields = views.filter(view => source(view).includes('/components/field'))
  t.strictSame(
    withFields.filter(view => !known.has(view)),
    [],
  )
  const plain = views.filter(view => /<textarea|<input (?!type="(hidden|checkbox|radio|search)")/.test(source(view)))
  t.strictSame(plain.sort(), [
    'account.eta',
    'error.eta',
    'held-fields.eta',
    'reset-password.eta',
    'security/authenticator-app.eta',
    'security/security.eta',
  ])
})
