import { join } from 'node:path'
import type { Bench, Case } from '../bench.ts'
import { load, type ServerOutcome } from '../load.ts'
import { type Process, startProcess } from '../processes.ts'
import { request } from '../requests.ts'
import type { calls } from '../servers/pages.ts'

const SERVER = join(import.meta.dirname, '../servers/pages.ts')
const TOKENS = 1_000

export const bench: Case = {
  about: `the page with the list of a user's tokens, ${TOKENS} tokens, one process`,
  embedded: true,
  async run(bench) {
    const server = await startProcess<typeof calls>(SERVER, await bench.environment())
    bench.defer(server.close)
    const url = await server.call('listen')
    const cookie = await server.call('person', { url, tokens: TOKENS })
    const bytes = await bytesOf(`${url}/tokens`, cookie)
    const many = await rounds(bench, server, url, cookie, 32)
    const alone = await rounds(bench, server, url, cookie, 1)
    return {
      rows: [
        { what: 'pages', values: many.map(run => run.perSecond), unit: '/s', atLeast: 2_000 },
        { what: 'one at a time: p50', values: alone.map(run => run.p50), unit: 'ms' },
        { what: 'one at a time: p99', values: alone.map(run => run.p99), unit: 'ms', atMost: 20 },
        { what: 'size of the response in bytes', values: [bytes] },
        { what: 'event loop busy', values: many.map(run => run.server.busy) },
        { what: "server's processor time for a page", values: many.map(run => run.cpuPerThousand * 1000), unit: 'µs' },
      ],
    }
  },
}

async function rounds(
  { quick, rounds, seconds }: Bench,
  server: Process<typeof calls>,
  url: string,
  cookie: string,
  connections: number,
): Promise<ServerOutcome[]> {
  const requests = [request({ path: '/tokens', headers: { cookie, accept: 'text/html' } })]
  const outcomes: ServerOutcome[] = []
  // The first round is a warm-up and does not count.
  for (let round = 0; round <= (quick ? 1 : rounds); round++) {
    outcomes.push(await load(server, { url, connections, requests, seconds }))
  }
  return outcomes.slice(1)
}

async function bytesOf(url: string, cookie: string): Promise<number> {
  const response = await fetch(url, { headers: { cookie, accept: 'text/html' } })
  const page = await response.text()
  if (response.status !== 200 || !page.includes('deploy')) throw new Error(`${url} responded with ${response.status}`)
  return Buffer.byteLength(page)
}
