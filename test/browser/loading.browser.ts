import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { PROFILES, walk } from './profiles.ts'
import { issuer, serve } from './setup.ts'

/** Sends a page in two parts, as a slow network does. */
const origin = await serve(async ({ url = '/' }, response) => {
  const answer = await fetch(issuer + url)
  const body = Buffer.from(await answer.arrayBuffer())
  const type = answer.headers.get('content-type') ?? ''
  response.setHeader('content-type', type)
  if (type.startsWith('text/html')) {
    const half = body.indexOf('</h1>')
    response.write(body.subarray(0, half))
    await delay(500) // Long enough for a browser to show what it has.
    response.end(body.subarray(half))
  } else response.end(body)
})

const TIMES = `(() => {
  const [shown] = performance.getEntriesByName('first-paint')
  const [{ responseEnd }] = performance.getEntriesByType('navigation')
  return { shown: shown.startTime, complete: responseEnd }
})()`

walk(
  'half a page is not shown: nothing moves when the other half comes',
  async ({ page }) => {
    await page.goto(`${origin}/login`)
    await page.screenshot() // Waits for the first frame.
    const { shown, complete } = (await page.evaluate(TIMES)) as { shown: number; complete: number }
    assert.ok(complete > 500 && shown >= complete, `shown after ${shown} ms, complete after ${complete} ms`)
  },
  PROFILES.filter(({ name }) => /^(phone-light|desktop-no-script)$/.test(name)),
  origin,
)
