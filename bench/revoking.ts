import { Agent, request as ask } from 'node:http'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import type { Bench } from './bench.ts'
import { load, type ServerOutcome } from './load.ts'
import { type Process, startProcess } from './processes.ts'
import { request } from './requests.ts'
import { figures, ratios, references, sideBySide } from './rounds.ts'
import type { calls } from './servers/issue.ts'
import type { Row } from './table.ts'

const SERVER = join(import.meta.dirname, 'servers/issue.ts')
const CONNECTIONS = 32
/** Number of users; tokens are assigned to them in turn. */
const PEOPLE = 100
const PER_SECOND = 100
const TICK_MS = 10

type Server = Process<typeof calls>
interface Run extends ServerOutcome {
  /** Fraction of the revocations that succeeded. */
  made: number
}
interface Node {
  server: Server
  url: string
  /** A token of each user, which may issue and revoke. */
  owners: string[]
}

/** Compares the issue rate of a node during revocations, by itself or by another node, with the rate without any. */
export async function issuingBesideRevocations(bench: Bench): Promise<Row[]> {
  const environment = await bench.environment()
  const [node, other] = [await opened(bench, environment), await opened(bench, environment)]
  const issue = issuing(node, bench.seconds)
  const alone = async (): Promise<Run> => ({ ...(await issue()), made: 1 })
  const count = Math.ceil(PER_SECOND * bench.seconds)
  const besideStream = (begin: () => Promise<Stream> | Stream) => async (): Promise<Run> => {
    const stream = await begin()
    const [outcome, made] = await Promise.all([alone(), stream()])
    return { ...outcome, made }
  }
  const beside = (revoker: Node) => besideStream(() => revocations(revoker, count))
  const besideRefusals = besideStream(() => refusals(node, count))
  bench.say(`issuing beside ${PER_SECOND} revocations a second`)
  for (let warm = 0; warm < 3; warm++) await beside(node)()
  const ways = { here: beside(node), there: beside(other), refused: besideRefusals }
  const { here, there, refused } = await sideBySide(bench.rounds, alone, ways)
  const part = (run: Run) => run.perSecond
  const work = (run: Run) => run.cpuPerThousand
  const what = `issuing beside ${PER_SECOND} revocations a second`
  return [
    { what: `${what} by another node, of issuing alone`, values: ratios(there, part), atLeast: 0.9 },
    { what: `${what} by the same node, of issuing alone`, values: ratios(here, part), atLeast: 0.9 },
    {
      what: `for comparison, beside ${PER_SECOND} requests a second that are refused at once`,
      values: ratios(refused, part),
    },
    { what: 'processor time of an issue beside, by another node, over alone', values: ratios(there, work) },
    { what: 'processor time of an issue beside, by the same node, over alone', values: ratios(here, work) },
    { what: 'revocations made of those asked for', values: figures([...here, ...there], run => run.made), atLeast: 1 },
    { what: 'issuing alone', values: references(here, part), unit: '/s' },
    { what: 'issuing beside, by the same node', values: figures(here, part), unit: '/s' },
    { what: 'p99 of an issue, beside over alone', values: ratios(here, run => run.p99) },
  ]
}

async function opened(bench: Bench, environment: NodeJS.ProcessEnv): Promise<Node> {
  const server = await startProcess<typeof calls>(SERVER, environment)
  bench.defer(server.close)
  const url = await server.call('listen')
  const owners = await server.call('issue', { count: PEOPLE, scopes: ['orders:read', 'tokens:write'] })
  return { server, url, owners }
}

const bearer = (text: string) => ({ authorization: `Bearer ${text}` })

function issuing({ server, url, owners }: Node, seconds: number): () => Promise<ServerOutcome> {
  const requests = owners.map((text, i) =>
    request({ method: 'POST', path: '/auth/api/tokens', headers: bearer(text), body: { name: `deploy ${i}` } }),
  )
  return () => load(server, { url, seconds, connections: CONNECTIONS, requests })
}

/** Sends requests at a constant rate. @returns the fraction with the expected status */
type Stream = () => Promise<number>

/** Issues `count` tokens; the stream revokes each as its owner. */
async function revocations({ server, url, owners }: Node, count: number): Promise<Stream> {
  const texts = await server.call('issue', { count, scopes: ['orders:read'] })
  return deletions(url, count, 204, i => ({ id: decodeJwt(texts[i]!).jti as string, bearer: owners[i % PEOPLE]! }))
}

/** Sends `count` requests with an invalid token. */
const refusals = ({ url }: Node, count: number): Stream =>
  deletions(url, count, 401, () => ({ id: 'current', bearer: 'nobody' }))

type Deletion = (i: number) => { id: string; bearer: string }

function deletions(url: string, count: number, expected: number, deletion: Deletion): Stream {
  const agent = new Agent({ keepAlive: true })
  const send = (i: number) =>
    new Promise<boolean>((resolve, reject) => {
      const { id, bearer: text } = deletion(i)
      ask(`${url}/auth/api/tokens/${id}`, { method: 'DELETE', agent, headers: bearer(text) })
        .on('error', reject)
        .on('response', answer => {
          answer.resume()
          resolve(answer.statusCode === expected)
        })
        .end()
    })
  return async () => {
    const start = performance.now()
    const all: Promise<boolean>[] = []
    const begin = (one: Promise<boolean>) => {
      // Promise.all below reports the error.
      one.catch(() => {})
      all.push(one)
    }
    await new Promise<void>(resolve => {
      const timer = setInterval(() => {
        const due = Math.min(count, ((performance.now() - start) / 1_000) * PER_SECOND)
        while (all.length < due) begin(send(all.length))
        if (all.length < count) return
        clearInterval(timer)
        resolve()
      }, TICK_MS)
    })
    const made = await Promise.all(all).finally(() => agent.destroy())
    return made.filter(Boolean).length / count
  }
}
