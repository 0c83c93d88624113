import assert from 'node:assert/strict'
import { newUser } from '../helpers/app.ts'
import { PROFILES, walk } from './profiles.ts'
import { opens, services } from './setup.ts'
import type { Visitor } from './visitor.ts'

const TEXT = 'The text of the token'

async function make(visitor: Visitor): Promise<string> {
  const { page, eyes } = visitor
  await visitor.checkPage('tokens-empty')
  await visitor.go('New token')
  await visitor.checkPage('token-new')
  await visitor.fill('Name', 'deploy')
  await visitor.tick('Read orders')
  if (eyes.script) {
    await visitor.press('All of these', page.getByRole('group', { name: /^reports/ }))
    assert.ok(await page.getByLabel('Export reports').isChecked())
    await visitor.press('All of these', page.getByRole('group', { name: /^reports/ }))
    assert.ok(!(await page.getByLabel('Export reports').isChecked()))
  }
  await visitor.choose('Expires', 'in 7 days')
  await visitor.go('Make the token')
  const text = await visitor.reads(TEXT)
  await visitor.checkPage('token-made')
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

walk('a token is made, used, rotated, suspended and revoked', async visitor => {
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
  await visitor.fill('Name', 'deploy it')
  await visitor.tick('See reports')
  await visitor.go('Save')
  await visitor.sees('is changed')
  await visitor.choose('The old text works on', 'for an hour')
  await visitor.go('Rotate')
  const next = await visitor.reads(TEXT)
  await visitor.checkPage('token-rotated')
  assert.deepEqual([await opens(text), await opens(next)], [200, 200])
  await visitor.go('I have copied it')
  await visitor.go('Suspend')
  assert.equal(await opens(next), 401)
  await visitor.go('Resume')
  assert.equal(await opens(next), 200)
  await visitor.go('Revoke…')
  await visitor.checkPage('token-revoke')
  await visitor.go('Revoke it')
  await visitor.sees('is revoked. It opens nothing any more.')
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
  await visitor.go('Older tokens')
  await visitor.sees('nightly build 1')
  await visitor.go('Back to the newest')
  // Open by itself, since there is more than one page of them.
  await visitor.fill('Name or scope', 'build 12')
  await visitor.choose('Show', 'All')
  await visitor.go('Search')
  assert.equal(await visitor.page.locator('tbody tr').count(), 1)
})

walk(
  'the text of a token is copied by a button, and a chosen date is the end',
  async visitor => {
    await visitor.goto('/tokens/new?name=laptop&scopes=orders:read')
    await visitor.signIn(await newUser(services))
    const day = new Date(Date.now() + 9 * 86_400_000).toISOString().slice(0, 10)
    await visitor.page.getByLabel('Date (the end of that day in UTC)').fill(day)
    assert.equal(await visitor.page.getByLabel('Expires').inputValue(), 'date')
    await visitor.go('Make the token')
    await visitor.press('Copy')
    await visitor.sees('Copied')
    assert.equal(await visitor.page.evaluate('navigator.clipboard.readText()'), await visitor.reads(TEXT))
  },
  PROFILES.slice(0, 1),
)
