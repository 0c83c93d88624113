import assert from 'node:assert/strict'
import type { Locator, Page } from 'playwright-core'

/** What a person does to a page. */
export interface InputMethod {
  press(target: Locator): Promise<unknown>
  fill(target: Locator, text: string): Promise<unknown>
  tick(target: Locator, on: boolean): Promise<unknown>
  choose(target: Locator, option: string): Promise<unknown>
}

export const mouse: InputMethod = {
  press: target => target.click(),
  fill: (target, text) => target.fill(text),
  tick: (target, on) => target.setChecked(on),
  choose: (target, label) => target.selectOption({ label }),
}

/** More than there are places to go to on any page. */
const MOST_STEPS = 120

const LOOKS_FOCUSED = `(() => {
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(document.activeElement)
  return (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || boxShadow !== 'none'
})()`

/** The same by the keyboard alone; where one is on the page can be seen at every step. */
export function keyboard(page: Page): InputMethod {
  const keys = page.keyboard
  const isAt = async (target: Locator) => (await target.and(page.locator(':focus')).count()) > 0

  async function reach(target: Locator): Promise<void> {
    await target.waitFor()
    for (let steps = 0; !(await isAt(target)); steps++) {
      assert.ok(steps < MOST_STEPS, `Tab does not reach ${target}`)
      await keys.press('Tab')
    }
    assert.ok(await page.evaluate(LOOKS_FOCUSED), `the focus on ${target} cannot be seen`)
  }

  return {
    async press(target) {
      await reach(target)
      // As the mouse waits for a button that gives access.
      await target.and(page.locator(':not([aria-disabled=true])')).waitFor()
      await keys.press('Enter')
    },
    async fill(target, text) {
      await reach(target)
      await keys.press('ControlOrMeta+A')
      await keys.type(text)
    },
    async tick(target, on) {
      await reach(target)
      if ((await target.isChecked()) !== on) await keys.press('Space')
      assert.equal(await target.isChecked(), on)
    },
    async choose(target, option) {
      await reach(target)
      // A list that is closed goes to the option that is typed.
      await keys.type(option)
      assert.equal(await target.locator('option:checked').innerText(), option)
    },
  }
}
