import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import { metadataUrl } from '../../packages/guard/src/remote/metadata.ts'
import type { Config } from '../config/config.ts'
import { clockFinding } from './clock.ts'
import { type Check, failed, ok, warning } from './finding.ts'

const TIMEOUT_MS = 5_000
const DAY_MS = 86_400_000
const FEW_DAYS = 14

export interface Answer {
  status: number
  body: string
  /** `Date` of the response, which has whole seconds. */
  date: Date | undefined
  sent: number
  received: number
  /** Our end of the connection. */
  localAddress: string | undefined
  certificateEnds: Date | undefined
}

/** One GET request that follows no redirect. @throws the error of the network */
export async function get(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const request = url.startsWith('https:') ? requestHttps : requestHttp
  const sent = Date.now()
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const outgoing = request(
    url,
    { agent: false, headers: { ...headers, 'user-agent': 'postern doctor' }, signal },
    async response => {
      const { localAddress } = response.socket
      const ends = (response.socket as TLSSocket).getPeerCertificate?.()?.valid_to
      const answer = { status: response.statusCode ?? 0, sent, received: Date.now(), localAddress }
      const date = response.headers.date ? new Date(response.headers.date) : undefined
      text(response).then(
        body => resolve({ ...answer, body, date, certificateEnds: ends ? new Date(ends) : undefined }),
        reject,
      )
    },
  )
  outgoing.on('error', reject).end()
  return promise
}

/** Whether clients reach this deployment at ISSUER, and whether it is this one. */
export function issuerCheck({ issuer }: Config, kids: () => Promise<string[] | undefined>): Check {
  return {
    name: 'issuer',
    remedy: `Start the server, or check that ${issuer} leads to it: name, proxy, firewall, certificate.`,
    async run() {
      const url = metadataUrl(issuer)
      const answer = await get(url)
      if (answer.status !== 200) {
        return failed(`${url} responds with ${answer.status} instead of the metadata of this issuer.`, PROXY)
      }
      const { issuer: named, jwks_uri: jwks } = parse(answer.body)
      if (named !== issuer)
        return failed(`${url} is the metadata of ${JSON.stringify(named)}, not of ${issuer}.`, SET_ISSUER)
      return [
        ok(`${issuer} responds with the metadata of this issuer.`),
        await keyFinding(String(jwks), await kids()),
        ...(answer.date ? [clockFinding(issuer, answer.date, answer.sent, answer.received, 1_000)] : []),
        ...certificateFinding(issuer, answer.certificateEnds),
      ]
    },
  }
}

const PROXY = 'The proxy must pass every path below ISSUER and below /.well-known to the server.'
const SET_ISSUER = 'Set ISSUER to the URL that clients use, and let that URL lead to this server.'

function parse(body: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(body))
  } catch {
    return {}
  }
}

/** @param kids those of our database; undefined: it cannot be read */
async function keyFinding(url: string, kids: string[] | undefined) {
  const { keys } = parse((await get(url)).body) as { keys?: { kid?: string }[] }
  const published = new Set((keys ?? []).map(({ kid }) => kid))
  if (!kids) return ok(`${url} has ${published.size} keys.`)
  if (kids.every(kid => published.has(kid))) return ok('Its keys are those of this database.')
  const remedy = 'Check that ISSUER and DATABASE_URL belong together, and that no cache keeps an old JWK Set.'
  return failed(`${url} lacks keys of this database: another deployment responds there.`, remedy)
}

function certificateFinding(issuer: string, ends: Date | undefined) {
  if (!ends) return []
  const days = Math.floor((ends.getTime() - Date.now()) / DAY_MS)
  const message = `The certificate of ${issuer} expires in ${days} days.`
  return [days < FEW_DAYS ? warning(message, 'Renew it.') : ok(message)]
}
