import assert from 'node:assert/strict'
import { newUser } from '../helpers/app.ts'
import { PROFILES, walk } from './profiles.ts'
import { services } from './setup.ts'

walk('somebody changes the account, and signs out everywhere', async visitor => {
  const user = await newUser(services)
  await visitor.goto('/account')
  await visitor.signIn(user)
  await visitor.checkPage('account')
  await visitor.fill('Name', 'Ada King')
  await visitor.go('Save')
  await visitor.sees('Your profile was updated.')
  const { page } = visitor
  const current = page.getByLabel('Current password').nth(1)
  await visitor.fillIn(current, 'not the password')
  await visitor.fill('New password', 'a new long password')
  await visitor.fill('Confirm new password', 'a new long password')
  await visitor.go('Change password')
  await visitor.checkPage('account-refused')
  await visitor.go('Sign out everywhere')
  assert.equal(new URL(page.url()).pathname, '/login')
})

walk('somebody asks for what is not there', async visitor => {
  await visitor.goto('/nothing')
  await visitor.sees('Page not found')
  await visitor.checkPage('unknown')
  await visitor.goto('/login')
  await visitor.signIn(await newUser(services))
  await visitor.goto('/login')
  await visitor.checkPage('signed-in')
  await visitor.goto('/tokens/nothing')
  await visitor.checkPage('error')
  await visitor.go('Go to your tokens')
  await visitor.go('Sign out')
  assert.equal(new URL(visitor.page.url()).pathname, '/login')
})

walk(
  'who has only a keyboard skips what every page begins with',
  async visitor => {
    await visitor.goto('/account')
    await visitor.signIn(await newUser(services))
    await visitor.press('Skip to content')
    await visitor.page.locator('#main:focus').waitFor()
  },
  PROFILES.filter(({ hand }) => hand === 'keyboard'),
)
