import assert from 'node:assert/strict'
import { newUser } from '../helpers/app.ts'
import { PROFILES, walk } from './profiles.ts'
import { opens, services } from './setup.ts'
import type { Visitor } from './visitor.ts'

const TEXT = 'Token'

async function make(visitor: Visitor): Promise<string> {
  const { page, eyes } = visitor
  await visitor.checkPage('tokens-empty')
  await visitor.go('New token')
  await visitor.checkPage('token-new')
  await visitor.fill('Name', 'deploy')
  await visitor.tick('Read orders')
  if (eyes.script) {
    await visitor.press('Select all', page.getByRole('group', { name: /^reports/ }))
    assert.ok(await page.getByLabel('Export reports').isChecked())
    await visitor.press('Select all', page.getByRole('group', { name: /^reports/ }))
    assert.ok(!(await page.getByLabel('Export reports').isChecked()))
  }
  await visitor.choose('Expires', await visitor.page.locator('option[value="7d"]').innerText())
  if (eyes.script) assert.match(await page.locator('[data-of=scopes]').innerText(), /orders:read/, 'summed up')
  await visitor.go('Create token')
  const text = await visitor.reads(TEXT)
  await visitor.checkPage('token-issued')
  if (eyes.script) {
    await visitor.press('Copy')
    await visitor.sees('Copied')
  }
  return text
}

/** The text was shown once: neither loading the page anew nor going back shows it again, or makes another token. */
async function isGone({ page }: Visitor, text: string): Promise<void> {
  await page.reload()
  assert.ok(!(await page.content()).includes(text), 'gone on reload')
  await page.goto('/tokens')
  assert.equal(await page.getByRole('link', { name: 'deploy', exact: true }).count(), 1, 'and made once')
  await page.goBack()
  assert.ok(!(await page.content()).includes(text), 'gone on Back')
}

walk('a token is created, used, regenerated, suspended and revoked', async visitor => {
  const { page } = visitor
  const user = await newUser(services)
  await visitor.goto('/')
  await visitor.checkPage('sign-in')
  await visitor.signIn(user, 'not the password')
  await visitor.checkPage('sign-in-refused')
  await visitor.fill('Password', 'correct horse battery')
  await visitor.go('Sign in')

  const text = await make(visitor)
  assert.equal(await opens(text), 200)
  await isGone(visitor, text)
  await visitor.goto('/tokens')
  assert.match((await page.locator('tbody').innerText()).replaceAll(/\s+/g, ' '), /just now.*just now/, 'last used')
  await visitor.checkPage('tokens')

  await visitor.go('deploy')
  await visitor.checkPage('token')
  await page.locator('summary', { hasText: 'Edit' }).click()
  await visitor.fill('Name', 'deploy it')
  await visitor.tick('See reports')
  await visitor.go('Save')
  await visitor.sees('was updated')
  await visitor.choose('Old token stops working', 'After 1 hour')
  await visitor.go('Regenerate token')
  const next = await visitor.reads(TEXT)
  await visitor.checkPage('token-rotated')
  assert.deepEqual([await opens(text), await opens(next)], [200, 200])
  await visitor.go('Done')
  await visitor.go('Suspend')
  assert.equal(await opens(next), 401)
  await visitor.go('Resume')
  assert.equal(await opens(next), 200)
  await visitor.go('Revoke…')
  await visitor.checkPage('token-revoke')
  await visitor.go('Revoke token')
  await visitor.sees('was revoked. It no longer works.')
  assert.equal(await opens(next), 401)
  await visitor.checkPage('tokens-revoked')
})

walk('a token is looked for among many', async visitor => {
  const user = await newUser(services)
  for (let n = 1; n <= 12; n++) {
    const scopes = ['orders:read', 'orders:create', 'reports:export']
    await services.tokens.issuePersonal({ user, name: `nightly build ${n}`, scopes })
  }
  await visitor.goto('/tokens')
  await visitor.signIn(user)
  await visitor.checkPage('tokens-many')
  await visitor.go('Next page')
  await visitor.sees('nightly build 1')
  await visitor.go('First page')
  await visitor.fill('Name, scope or API', 'build 12')
  await visitor.choose('Status', 'All')
  await visitor.go('Search')
  assert.equal(await visitor.page.locator('tbody tr').count(), 1)
  await visitor.sees('1 token')
  await visitor.tick('Select nightly build 12')
  await visitor.go('Revoke selected…')
  await visitor.checkPage('tokens-revoke')
  await visitor.go('Revoke 1 token')
  await visitor.sees('1 token was revoked.')
})

walk(
  'a token is copied by a button, and expires on the chosen date',
  async visitor => {
    await visitor.goto('/tokens/new?name=laptop&scopes=orders:read')
    await visitor.signIn(await newUser(services))
    const day = new Date(Date.now() + 9 * 86_400_000).toISOString().slice(0, 10)
    await visitor.page.getByLabel('Expires').selectOption('date')
    await visitor.page.getByLabel('Expiration date (end of the day in UTC)').fill(day)
    const year = day.slice(0, 4)
    assert.match(
      await visitor.page.locator('[data-of=expires]').innerText(),
      new RegExp(`^\\w{3}, \\w{3} \\d+, ${year}$`),
    )
    await visitor.go('Create token')
    await visitor.press('Copy')
    await visitor.sees('Copied')
    assert.equal(await visitor.page.evaluate('navigator.clipboard.readText()'), await visitor.reads(TEXT))
  },
  PROFILES.slice(0, 1),
)
