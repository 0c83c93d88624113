import assert from 'node:assert/strict'
import type { BrowserContext, CDPSession, Locator, Page } from 'playwright-core'
import type { User } from '../../src/users/user.entity.ts'
import { PASSWORD } from '../helpers/app.ts'
import { type InputMethod, keyboard, mouse } from './input-methods.ts'
import { isAccessible, keepIfWanted, stands } from './page-checks.ts'
import type { Profile } from './profiles.ts'
import { browser, issuer } from './setup.ts'

/** Bytes that a page may cost in all, with an empty cache. */
const MOST_BYTES = 30_000

/** Somebody with a browser, who goes through the pages and finds fault with whatever is wrong. */
export class Visitor {
  readonly page: Page
  readonly eyes: Profile
  readonly #hand: InputMethod
  readonly #context: BrowserContext
  readonly #faults: string[] = []
  /** Bytes on the wire since the page was asked for. */
  #bytes = 0

  /** @param eyes how to look and act @param site the issuer */
  static async arrive(eyes: Profile, site = issuer): Promise<Visitor> {
    const { width, colorScheme, script } = eyes
    const context = await browser.newContext({
      baseURL: site,
      viewport: { width, height: 800 },
      colorScheme,
      javaScriptEnabled: script,
      permissions: ['clipboard-read', 'clipboard-write'],
    })
    const page = await context.newPage()
    const visitor = new Visitor(eyes, context, page, site)
    await visitor.#weigh(await context.newCDPSession(page))
    return visitor
  }

  private constructor(eyes: Profile, context: BrowserContext, page: Page, site: string) {
    this.eyes = eyes
    this.page = page
    this.#context = context
    this.#hand = eyes.hand === 'keyboard' ? keyboard(page) : mouse
    context.on('console', message => {
      // What failed to load is judged below, where a page that is meant to be an error can be told from a failure.
      if (/^Failed to load resource/.test(message.text())) return
      if (['error', 'warning'].includes(message.type())) this.#faults.push(`says ${message.text()}`)
    })
    context.on('weberror', ({ error }) => this.#faults.push(`throws ${error()}`))
    context.on('request', asked => {
      const elsewhere = !asked.isNavigationRequest() && !asked.url().startsWith(`${site}/`)
      if (elsewhere) this.#faults.push(`asks for ${asked.url()}`)
    })
    context.on('response', answer => {
      const failed = answer.status() >= 400 && !answer.request().isNavigationRequest()
      if (failed) this.#faults.push(`gets ${answer.status()} from ${answer.url()}`)
    })
    context.on('requestfailed', asked => {
      const why = asked.failure()?.errorText
      // Somebody who goes on does not wait for the icon.
      if (why !== 'net::ERR_ABORTED') this.#faults.push(`gets nothing from ${asked.url()}: ${why}`)
    })
    page.on('dialog', dialog => dialog.accept())
  }

  /** Counts what each page costs: the cache stays empty, and a page begins with its document. */
  async #weigh(session: CDPSession): Promise<void> {
    session.on('Network.requestWillBeSent', ({ type, redirectResponse }) => {
      if (type === 'Document' || redirectResponse) this.#bytes = 0
    })
    session.on('Network.loadingFinished', ({ encodedDataLength }) => {
      this.#bytes += encodedDataLength
    })
    await session.send('Network.enable')
    await session.send('Network.setCacheDisabled', { cacheDisabled: true })
  }

  /** Finds fault with a page as it is, and keeps a picture of it if `SCREENSHOTS` is set. Who has only a keyboard looks for the focus instead. */
  async checkPage(name: string): Promise<void> {
    this.complain()
    if (this.eyes.hand === 'keyboard') return
    await stands(this.page, name)
    await keepIfWanted(this.page, `${name}-${this.eyes.name}`)
    assert.ok(this.#bytes > 0 && this.#bytes < MOST_BYTES, `${name} costs ${this.#bytes} bytes`)
    if (this.eyes.axe) await isAccessible(this.page, name)
  }

  /** Fails when the console said something, or something did not load. */
  complain(): void {
    assert.deepEqual(this.#faults, [])
  }

  /** Goes to an address. */
  goto(url: string): Promise<unknown> {
    return this.page.goto(url)
  }

  /** What is called so and can be pressed. */
  what(name: string, within: Page | Locator = this.page): Locator {
    const exact = { name, exact: true }
    return within.getByRole('button', exact).or(within.getByRole('link', exact))
  }

  /** Presses a button or link that leads on to another page, and waits until that is there. */
  async go(name: string, within?: Locator): Promise<void> {
    await Promise.all([this.page.waitForEvent('load'), this.#hand.press(this.what(name, within))])
  }

  /** Presses a button that leaves one where one is. */
  press(name: string, within?: Locator): Promise<unknown> {
    return this.#hand.press(this.what(name, within))
  }

  fill(label: string, text: string): Promise<unknown> {
    return this.fillIn(this.page.getByLabel(label, { exact: true }), text)
  }

  fillIn(field: Locator, text: string): Promise<unknown> {
    return this.#hand.fill(field, text)
  }

  tick(label: string, on = true): Promise<unknown> {
    return this.#hand.tick(this.page.getByLabel(label), on)
  }

  choose(label: string, option: string): Promise<unknown> {
    return this.#hand.choose(this.page.getByRole('combobox', { name: label, exact: true }), option)
  }

  /** Waits until the page says this. */
  sees(text: string | RegExp): Promise<void> {
    return this.page.getByText(text).first().waitFor()
  }

  /** What stands in a field. */
  reads(label: string): Promise<string> {
    return this.page.getByLabel(label, { exact: true }).inputValue()
  }

  async signIn({ email }: Pick<User, 'email'>, password = PASSWORD): Promise<void> {
    await this.fill('E-mail address', email ?? '')
    await this.fill('Password', password)
    await this.go('Sign in')
  }

  leave(): Promise<void> {
    return this.#context.close()
  }
}
