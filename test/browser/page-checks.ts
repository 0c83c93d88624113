import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const SCREENSHOTS = `${import.meta.dirname}/../../screenshots`
mkdirSync(SCREENSHOTS, { recursive: true })

/** The whole page as it is, for people to look at. */
export const keep = (page: Page, name: string) =>
  page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage: true, animations: 'disabled' })

/** As {@link keep}, if `SCREENSHOTS` is set: a picture of a whole page takes longer than its checks. */
export const keepIfWanted = async (page: Page, name: string) => process.env.SCREENSHOTS && (await keep(page, name))

/** Of the window's part that moved times how far (the Layout Instability API's `value`; up to 0.1 a page counts as good). */
const LEAST_SHIFT = 0.001

const MEASURE = `(() => {
  const observer = new PerformanceObserver(() => {})
  observer.observe({ type: 'layout-shift', buffered: true })
  const shifts = observer.takeRecords().filter(({ hadRecentInput, value }) => !hadRecentInput && value >= ${LEAST_SHIFT})
  observer.disconnect()
  const box = ({ x, y, width, height }) => [x, y, width, height].join(' ')
  const moved = shifts.flatMap(({ sources, startTime }) => sources.map(({ node, previousRect, currentRect }) =>
    [node?.parentNode?.outerHTML?.slice(0, 80), box(previousRect), box(currentRect), startTime].join(' | ')))
  return { moved, overflow: document.documentElement.scrollWidth - innerWidth }
})()`

/** Nothing is wider than the window, and nothing moved while the page loaded. */
export async function stands(page: Page, name: string): Promise<void> {
  // Whatever moves has moved once a frame is there.
  await page.screenshot({ clip: { x: 0, y: 0, width: 1, height: 1 } })
  const { overflow, moved } = (await page.evaluate(MEASURE)) as { overflow: number; moved: string[] }
  assert.ok(overflow <= 0, `${name} overflows by ${overflow}px`)
  assert.deepEqual(moved, [], `${name}: layout shift`)
}

/** axe finds nothing, contrast and the size of targets (WCAG 2.2 AA) included. @param except CSS of what is not ours */
export async function isAccessible(page: Page, name: string, except: readonly string[] = []): Promise<void> {
  await page.evaluate(AXE)
  const what = JSON.stringify({ exclude: except.map(css => [css]) })
  const how = JSON.stringify({ resultTypes: ['violations'], rules: { 'target-size': { enabled: true } } })
  const { violations } = (await page.evaluate(`axe.run(${what}, ${how})`)) as {
    violations: { id: string; nodes: { html: string; failureSummary: string }[] }[]
  }
  const said = violations.map(({ id, nodes }) => `${id}: ${nodes.map(n => n.html + n.failureSummary).join(' ')}`)
  assert.deepEqual(said, [], name)
}
