import type { LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { type Browser, formOf } from './browser.ts'

/** A form is refused without its CSRF token, with a wrong one, and with that of another session. */
export async function refusesForgery(
  t: Test,
  { browser, other }: { browser: Browser; other: Browser },
  page: LightMyRequestResponse,
  fields: Record<string, string>,
  action: RegExp,
): Promise<void> {
  const theirs = formOf((await other.get('/tokens')).body, /logout$/).fields._csrf as string
  const form = formOf(page.body, action)
  for (const _csrf of [undefined, 'x', 'a-b-c', theirs]) {
    const refused = await browser.post(form.action, { ...form.fields, ...fields, _csrf })
    t.equal(refused.statusCode, 403, `${form.action} with ${_csrf}`)
    t.match(refused.body, 'This form has expired')
  }
}

/** What is ticked in a page, by the names of the boxes. */
export const ticked = (html: string): string[] =>
  [...html.matchAll(/<input type="checkbox" name="([^"]*)" value="1" checked>/g)].map(([, name]) => name as string)
