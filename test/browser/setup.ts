import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
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

/** @returns the origin of a server that is not the issuer */
export async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
