import { describe, test } from 'node:test'
import { Visitor } from './visitor.ts'

/** A way to look at the pages, and to act on them. */
export interface Profile {
  name: string
  width: number
  colorScheme: 'light' | 'dark'
  script: boolean
  /** What the person has in hand. */
  hand: 'mouse' | 'keyboard'
  /** Whether axe looks, too: once at each width, which is also once for each colour scheme. */
  axe?: true
}

const [phone, desktop] = [390, 1280]

/**
 * Nothing but what axe finds depends on the colour scheme, so none is combined with both widths. What a page does without its
 * script does not depend on the width, and the layout at each width is seen with it.
 */
export const PROFILES: readonly Profile[] = [
  { name: 'phone-light', width: phone, colorScheme: 'light', script: true, hand: 'mouse', axe: true },
  { name: 'desktop-dark', width: desktop, colorScheme: 'dark', script: true, hand: 'mouse', axe: true },
  { name: 'desktop-no-script', width: desktop, colorScheme: 'dark', script: false, hand: 'mouse' },
  { name: 'desktop-keyboard', width: desktop, colorScheme: 'light', script: true, hand: 'keyboard' },
]

/** Walks at a time: one waits while another one's page loads. */
const AT_ONCE = 4

/** A walk, once for each way to look and to act: each by somebody with a browser of their own. */
export function walk(name: string, steps: (visitor: Visitor) => Promise<void>, eyes = PROFILES, site?: string): void {
  describe(name, { concurrency: AT_ONCE }, () => {
    for (const each of eyes) {
      test(each.name, async () => {
        const visitor = await Visitor.arrive(each, site)
        try {
          await steps(visitor)
          visitor.complain()
        } finally {
          await visitor.leave()
        }
      })
    }
  })
}
