import { DEVICE_CODE } from '../../src/grants/device-grant.ts'
import type { Services } from '../../src/services.ts'
import type { User } from '../../src/users/user.entity.ts'
import { authorizeUrl } from '../helpers/browser.ts'
import { leaveOperation } from '../helpers/operation.ts'

/** A page to look at, after a button was pressed or as it is. */
export interface PageToShow {
  path: string
  submit?: string
}

const NAMES = [
  'deploy',
  'laptop of Ada',
  'دفتر الطلبات',
  '注文レポート',
  'nightly build of the shop, the warehouse and the reports',
]
const SCOPES = ['orders:read', 'orders:create', 'reports', 'reports:export', 'tokens:rotate', 'user:read']

/** Fills a deployment with what pages show: many tokens, apps of all kinds, users with long names. */
export async function fillDeployment(services: Services, admin: User): Promise<Record<string, PageToShow>> {
  const { tokens, clients, users } = services
  for (let n = 0; n < 24; n++) {
    const name = `${NAMES[n % NAMES.length]}${n < NAMES.length ? '' : ` ${n}`}`
    const expiresAt = new Date(Date.now() + (n % 7 === 0 ? 3 : 40 + n) * 86_400_000)
    await tokens.issuePersonal({ user: admin, name, scopes: SCOPES.slice(0, 1 + (n % SCOPES.length)), expiresAt })
  }
  const { token } = await tokens.issuePersonal({ user: admin, name: 'deploy', scopes: SCOPES })
  for (const name of [
    'Grace Hopper',
    'محمد بن موسى الخوارزمي',
    '清少納言',
    'A. Very-Longname the Third of Somewhere',
  ]) {
    await users.create({
      name,
      email: `${name.length}.of.a.long.address@mail.example.com`,
      password: 'correct horse battery',
    })
  }
  const person = await users.create({ name: 'Linus', email: 'linus@example.com', password: 'correct horse battery' })
  await users.disable(person.id)
  const callback = ['https://calendar.example/callback']
  const { client } = await clients.create({ name: 'Calendar', redirectUris: callback })
  const own = await clients.create({ name: 'My dashboard', redirectUris: callback, userId: admin.id })
  await clients.create({ name: 'Television', public: true, grantTypes: [DEVICE_CODE] })
  const { operation } = await leaveOperation(services)
  const manage = (path = '') => ({ path: `/manage${path}` })
  return {
    tokens: { path: '/tokens' },
    'tokens-none': { path: '/tokens?search=nothing' },

    'token-new': { path: '/tokens/new?name=deploy&scopes=orders:read' },
    'token-refused': { path: '/tokens/new?name=%20', submit: 'main form .summary button' },
    'token-issued': { path: '/tokens/new?name=deploy&scopes=orders:read', submit: 'main form .summary button' },
    'token-issued-jwt': { path: '/tokens/new?name=deploy&format=jwt', submit: 'main form .summary button' },
    token: { path: `/tokens/${token.id}` },
    'token-revoke': { path: `/tokens/${token.id}/revoke` },
    account: { path: '/account' },
    apps: { path: '/apps' },
    'apps-own': { path: '/apps/own' },
    'app-new': { path: '/apps/own/new' },
    app: { path: `/apps/own/${own.client.id}` },
    'app-rotate': { path: `/apps/own/${own.client.id}/secret` },
    'app-secret': { path: `/apps/own/${own.client.id}/secret`, submit: 'main form button' },
    'app-revoke': { path: `/apps/own/${own.client.id}/revoke` },
    consent: { path: authorizeUrl(client, { scope: 'orders:read reports' }) },
    device: { path: '/device' },
    manage: manage(),
    'manage-users': manage('/users'),
    'manage-user': manage(`/users/${person.id}`),
    'manage-user-new': manage('/users/new'),
    'manage-user-revoke': manage(`/users/${person.id}/tokens/revoke`),
    'manage-user-token': manage(`/users/${admin.id}/tokens/new`),
    'manage-token': manage(`/tokens/${token.id}`),
    'manage-token-revoke': manage(`/tokens/${token.id}/revoke`),
    'manage-clients': manage('/clients'),
    'manage-client': manage(`/clients/${client.id}`),
    'manage-client-new': manage('/clients/new?kind=api'),
    'manage-blocked': manage('/blocked-hosts'),
    'manage-trusts': manage('/trusts'),
    'manage-trust-new': manage('/trusts/new'),
    'manage-tokens': manage('/tokens'),
    'manage-tokens-revoke': manage('/tokens/revoke?scope=reports'),
    'manage-accounts': manage('/service-accounts'),
    'manage-account-new': manage('/service-accounts/new'),
    'manage-user-tokens': manage(`/users/${admin.id}/tokens`),
    'manage-keys': manage('/keys'),
    'manage-key-rotate': manage('/keys/rotate'),
    'manage-audit': manage('/audit'),
    operation: { path: `/operations/${operation.id}` },
    components: { path: '/dev/components' },
  }
}
