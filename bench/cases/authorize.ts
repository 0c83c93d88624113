import { join } from 'node:path'
import type { Case } from '../bench.ts'
import { load, type ServerOutcome } from '../load.ts'
import { startProcess } from '../processes.ts'
import { request } from '../requests.ts'
import { figures, ratios, references, sideBySide } from '../rounds.ts'
import type { calls } from '../servers/authorize.ts'

const SERVER = join(import.meta.dirname, '../servers/authorize.ts')
const CONNECTIONS = 8

export const bench: Case = {
  about: 'the authorization request of a consented client with a metadata document, compared with a registered client',
  embedded: true,
  async run(bench) {
    const environment = { ...(await bench.environment()), FETCH_LOOPBACK: 'on' }
    const server = await startProcess<typeof calls>(SERVER, environment)
    bench.defer(server.close)
    const url = await server.call('listen')
    const cookie = await server.call('person', url)
    const of = async (kind: string) => {
      const path = await server.call('consented', { url, cookie, kind })
      const requests = [request({ path, headers: { cookie, accept: 'text/html' } })]
      return () => load(server, { url, connections: CONNECTIONS, requests, seconds: bench.seconds })
    }
    const [registered, metadata] = [await of('registered'), await of('metadata')]
    const before = await server.call('fetches')
    const compared = await sideBySide(bench.rounds, registered, { metadata })
    const fetches = (await server.call('fetches')) - before
    const cpu = (run: ServerOutcome) => run.cpuPerThousand
    const perSecond = (run: ServerOutcome) => run.perSecond
    return {
      rows: [
        {
          what: "server's processor time, over a registered client's",
          values: ratios(compared.metadata, cpu),
          atMost: 1.1,
        },
        { what: 'requests, of those of a registered client', values: ratios(compared.metadata, perSecond) },
        { what: 'with a metadata document', values: figures(compared.metadata, perSecond), unit: '/s' },
        { what: 'registered', values: references(compared.metadata, perSecond), unit: '/s' },
        { what: 'fetches of the document meanwhile', values: [fetches], atMost: 0 },
      ],
    }
  },
}
