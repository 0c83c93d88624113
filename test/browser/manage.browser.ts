import assert from 'node:assert/strict'
import { newUser } from '../helpers/app.ts'
import { leaveOperation } from '../helpers/operation.ts'
import { walk } from './profiles.ts'
import { opens, services } from './setup.ts'
import type { Visitor } from './visitor.ts'

const tab = (visitor: Visitor, name: string) =>
  visitor.go(name, visitor.page.getByRole('navigation', { name: 'Administration' }))

/** Somebody with more tokens than a page shows; half of them may read orders. */
async function owner() {
  const user = await newUser(services)
  const issue = (name: string, scopes: string[]) => services.tokens.issuePersonal({ user, name, scopes })
  const orders: string[] = []
  const reports: string[] = []
  for (let n = 1; n <= 6; n++) {
    orders.push((await issue(`nightly build ${n}`, ['orders:read', 'orders:create'])).plainText)
    reports.push((await issue(`quarterly report ${n}`, ['reports', 'reports:export'])).plainText)
  }
  return { user, orders, reports }
}

const statuses = (tokens: string[]) => Promise.all(tokens.map(opens)).then(all => [...new Set(all)])

walk('an administrator revokes many tokens at once, after seeing how many', async visitor => {
  const { user, orders, reports } = await owner()
  await visitor.goto('/manage')
  await visitor.signIn(await newUser(services, 'admin'))
  await visitor.checkPage('manage')
  await tab(visitor, 'Tokens')
  await visitor.fill('User: e-mail address or ID', user.email)
  await visitor.go('Filter')
  await visitor.checkPage('manage-tokens')
  await visitor.go('Next page')
  await visitor.choose('Scope', 'orders:read')
  await visitor.go('Filter')
  await visitor.sees('6 matching active tokens')
  await visitor.go('Revoke all matching tokens…')
  await visitor.sees('Revoke 6 tokens?')
  await visitor.checkPage('manage-tokens-revoke')
  assert.deepEqual(await statuses(orders), [200], 'nothing is revoked by asking')
  await visitor.go('Revoke 6 tokens')
  await visitor.sees(/6.* tokens were revoked/)
  assert.deepEqual([await statuses(orders), await statuses(reports)], [[401], [200]])
  await visitor.checkPage('manage-tokens-revoked')
})

walk('a revocation that takes long shows how far it is, by itself', async visitor => {
  const { operation } = await leaveOperation(services)
  await visitor.goto(`/operations/${operation.id}`)
  await visitor.signIn(await newUser(services, 'admin'))
  await visitor.sees('1,000 of about 2,502 tokens revoked')
  await visitor.checkPage('operation')
  // Somebody else stops it.
  await services.operations.cancel(operation.id)
  if (!visitor.eyes.script) await visitor.go('Reload')
  await visitor.sees('The tokens that were revoked stay revoked.')
  await visitor.checkPage('operation-stopped')
})

walk('an administrator creates a user, resets the password, and disables the user', async visitor => {
  const name = `Grace ${visitor.eyes.name}`
  await visitor.goto('/manage/users')
  await visitor.signIn(await newUser(services, 'admin'))
  await visitor.checkPage('manage-users')
  await visitor.go('New user')
  await visitor.checkPage('manage-user-new')
  await visitor.fill('Name', name)
  await visitor.fill('E-mail address', `${visitor.eyes.name}@example.com`)
  await visitor.fill('Password', 'a long password')
  await visitor.go('Create user')
  await visitor.sees('can sign in now.')
  await visitor.checkPage('manage-user')
  await visitor.fill('New password', 'another long password')
  await visitor.go('Reset password')
  await visitor.go('Disable user')
  await visitor.sees('was disabled')
  await visitor.go('Enable user')
  await tab(visitor, 'Users')
  await visitor.fillIn(visitor.page.getByRole('searchbox'), name)
  await visitor.go('Search')
  assert.equal(await visitor.page.locator('tbody tr').count(), 1)
  await visitor.go(name)
  await visitor.choose('Role', 'Administrator')
  await visitor.go('Save')
  await visitor.sees('was updated')
  await visitor.go('Create token…')
  await visitor.fill('Name', 'for Grace')
  await visitor.go('Create token')
  await visitor.go('Done')
  await visitor.sees('for Grace')
  await visitor.checkPage('manage-user-tokens')
  await visitor.go('Revoke… for Grace')
  await visitor.checkPage('manage-token-revoke')
  await visitor.go('Cancel')
  await visitor.checkPage('manage-token')
  await tab(visitor, 'Users')
  await visitor.fillIn(visitor.page.getByRole('searchbox'), name)
  await visitor.go('Search')
  await visitor.go(name)
  await visitor.go('Sign out and revoke 1 token…')
  await visitor.checkPage('manage-user-revoke')
  await visitor.go('Sign out and revoke 1 token')
  await visitor.sees(/1 token was revoked/)
})

walk('an administrator views apps, keys and the audit log', async visitor => {
  const made = await services.clients.create({ name: 'Weather', redirectUris: ['https://weather.example/cb'] })
  await visitor.goto('/manage/clients')
  await visitor.signIn(await newUser(services, 'admin'))
  await visitor.checkPage('manage-clients')
  await visitor.go('New app')
  await visitor.go('Resource server')
  await visitor.checkPage('manage-client-new')
  await visitor.fill('Name', 'Orders')
  await visitor.fill('Audience', `https://${visitor.eyes.name}.example`)
  await visitor.go('Create app')
  await visitor.checkPage('manage-client-secret')
  await visitor.goto(`/manage/clients/${made.client.id}`)
  await visitor.checkPage('manage-client')
  await visitor.go('Revoke app…')
  await visitor.checkPage('manage-client-revoke')
  await visitor.go('Revoke app')
  await visitor.sees('Weather was revoked.')
  await tab(visitor, 'Keys')
  await visitor.checkPage('manage-keys')
  await visitor.go('Rotate…')
  await visitor.checkPage('manage-key-rotate')
  await visitor.tick('Rotate immediately')
  await visitor.go('Rotate key')
  await visitor.sees('is now active.')
  await tab(visitor, 'Audit log')
  await visitor.checkPage('manage-audit')
  await visitor.choose('Event', 'App revoked')
  await visitor.go('Filter')
  await visitor.page.getByRole('rowheader', { name: 'App revoked' }).first().waitFor()
})
