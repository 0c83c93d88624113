import { after } from 'node:test'
import { chromium } from 'playwright-core'
import { listeningIssuer } from '../helpers/issuer.ts'

const teardowns: (() => unknown)[] = []
/** Runs when all walks are done. */
export const teardown = (work: () => unknown) => teardowns.push(work)

/** What all walks share: a server that listens under its own name, and a browser. */
export const { issuer, services } = await listeningIssuer({ teardown }, { fetchLoopback: true })

export const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
  // It opens nothing but our own pages, and runs as root in a container.
  args: ['--no-sandbox'],
})
teardown(() => browser.close())

after(async () => {
  for (const work of teardowns.reverse()) await work()
})

/** The status that the API answers this token with. */
export async function opens(token: string): Promise<number> {
  const { status } = await fetch(`${issuer}/api/tokens/current`, { headers: { authorization: `Bearer ${token}` } })
  return status
}
