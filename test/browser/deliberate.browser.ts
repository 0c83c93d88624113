import assert from 'node:assert/strict'
import { after } from 'node:test'
import { newUser } from '../helpers/app.ts'
import { PROFILES, walk } from './profiles.ts'
import { services } from './setup.ts'
import { thirdParty } from './third-party.ts'

/** The second click of a double click, when the window above the page has closed at the first one. */
const SECOND_CLICK = `(() => {
  window.dispatchEvent(new Event('focus'))
  const button = document.querySelector('button[value=approve]')
  button.click()
  return button.ariaDisabled
})()`

walk(
  'a click that was meant for a window above the page gives no access',
  async visitor => {
    const app = await thirdParty('Calendar')
    after(app.close)
    await visitor.goto(`${app.url}?scope=orders:read`)
    await visitor.signIn(await newUser(services))
    await visitor.sees('Authorize Calendar?')
    assert.equal(await visitor.page.evaluate(SECOND_CLICK), 'true')
    await visitor.sees('Authorize Calendar?')
    assert.deepEqual(app.tokens, [])
    await visitor.go('Authorize')
    await visitor.sees('The API answers 200. May: orders:read.')
  },
  PROFILES.filter(({ name }) => name === 'desktop-dark'),
)
