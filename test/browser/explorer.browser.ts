import assert from 'node:assert/strict'
import { newUser } from '../helpers/app.ts'
import { isAccessible, keepIfWanted } from './page-checks.ts'
import { PROFILES, walk } from './profiles.ts'
import { services } from './setup.ts'

/** What Swagger UI draws is its own: its colours, its headings, and the buttons that it puts into buttons. */
const NOT_OURS = ['#swagger-ui']

/** The explorer draws itself by script; its weight is the library's, which is why it is a page of its own. */
walk(
  'the API is explored',
  async visitor => {
    const { page, eyes } = visitor
    await visitor.goto('/docs')
    await page.locator('.opblock').first().waitFor()
    await keepIfWanted(page, `docs-${eyes.name}`)
    if (eyes.axe) await isAccessible(page, 'docs', NOT_OURS)
    visitor.complain()
    await visitor.go('Tokens', page.getByRole('navigation', { name: 'Main' }))
    await visitor.signIn(await newUser(services))
    assert.equal(new URL(page.url()).pathname, '/tokens')
  },
  PROFILES.filter(({ script }) => script),
)
