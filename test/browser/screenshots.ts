import { chromium, type Page } from 'playwright-core'
import { newUser, PASSWORD } from '../helpers/app.ts'
import { listeningIssuer } from '../helpers/issuer.ts'
import { keep } from './page-checks.ts'
import { fillDeployment } from './screenshot-data.ts'

/**
 * Saves a picture of every page in `screenshots/`: phone and desktop, light and dark, in both languages.
 * @example npm run screenshots -- tokens manage   (only pages whose name begins so)
 */
const teardowns: (() => unknown)[] = []
const { issuer, services } = await listeningIssuer({ teardown: work => teardowns.push(work) })
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
})
teardowns.push(() => browser.close())

const only = process.argv.slice(2)
const admin = await newUser(services, 'admin')
const pages = await fillDeployment(services, admin)
const chosen = Object.entries(pages).filter(([name]) => only.length === 0 || only.some(part => name.startsWith(part)))

const LOOKS = [
  { name: '1280-light', width: 1280, colorScheme: 'light', locale: 'en' },
  { name: '390-dark', width: 390, colorScheme: 'dark', locale: 'en' },
  { name: '1280-dark-de', width: 1280, colorScheme: 'dark', locale: 'de' },
  { name: '390-light-de', width: 390, colorScheme: 'light', locale: 'de' },
] as const

/** Says which page is wider than a window of some width. */
async function reportOverflow(page: Page, name: string): Promise<void> {
  const before = page.viewportSize()
  for (const width of [320, 768, 1920]) {
    await page.setViewportSize({ width, height: 800 })
    const overflow = Number(await page.evaluate('document.documentElement.scrollWidth - innerWidth'))
    if (overflow > 0) console.log(`${name} overflows by ${overflow} px at ${width}`)
  }
  if (before) await page.setViewportSize(before)
}

for (const { name: look, width, colorScheme, locale } of LOOKS) {
  const context = await browser.newContext({ baseURL: issuer, viewport: { width, height: 800 }, colorScheme, locale })
  const page = await context.newPage()
  for (const name of ['sign-in', 'forgot', 'not-found']) {
    if (only.length > 0 && !only.some(part => name.startsWith(part))) continue
    await page.goto({ 'sign-in': '/login', forgot: '/forgot-password', 'not-found': '/nothing' }[name] ?? '/')
    await keep(page, `all-${name}-${look}`)
  }
  await page.goto('/login')
  await page.locator('[name=email]').fill(admin.email as string)
  await page.locator('[name=password]').fill(PASSWORD)
  await Promise.all([page.waitForEvent('load'), page.locator('main form button').click()])
  for (const [name, { path, submit }] of chosen) {
    await page.goto(path)
    if (submit) await Promise.all([page.waitForEvent('load'), page.locator(submit).click()])
    await keep(page, `all-${name}-${look}`)
    await reportOverflow(page, name)
  }
  await context.close()
}
for (const work of teardowns.reverse()) await work()
