import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import { issuerAway } from '../errors.ts'
import { normalizeIssuer } from '../issuer-url.ts'
import type { Http } from './http.ts'

/** What the guard needs of an issuer's metadata (RFC 8414 §2). */
export interface Metadata {
  issuer: string
  jwks_uri: string
  introspection_endpoint?: string
  status_list_aggregation_endpoint?: string
  /** Ours: the event stream of changed statuses. */
  status_events_endpoint?: string
  /** Ours: where the use of tokens is told. */
  token_usage_endpoint?: string
}

export interface Issuer {
  /** Once it was had it is kept; @throws 503 while it cannot be had */
  metadata(): Promise<Metadata>
  /** For jose: an unknown `kid` makes it look once more, at most every few seconds. @throws 503 */
  key: JWTVerifyGetKey
  /** Fetches the keys again; called now and then, so that a retired key goes. */
  refresh(): Promise<void>
}

/** Milliseconds between two looks for a `kid` that is not there: a forged one must not cost the issuer. */
const COOLDOWN_MS = 5_000

/** @param onKeys called when the keys are other ones than before */
export function createIssuer(url: string, http: Http, onKeys: () => void): Issuer {
  let discovering: Promise<Metadata> | undefined
  let keys: JWTVerifyGetKey | undefined
  let known = ''
  let lookedAt = Number.NEGATIVE_INFINITY

  async function discover(): Promise<Metadata> {
    const metadata = (await json(http, metadataUrl(url))) as Metadata
    // RFC 8414 §3.3: anything else could be another issuer's.
    if (normalizeIssuer(metadata.issuer) !== url)
      throw new Error(`the metadata is of ${metadata.issuer}, not of ${url}`)
    return metadata
  }

  function metadata(): Promise<Metadata> {
    discovering ??= discover().catch(error => {
      discovering = undefined
      throw issuerAway(error)
    })
    return discovering
  }

  async function load(): Promise<JWTVerifyGetKey> {
    lookedAt = performance.now()
    const { jwks_uri } = await metadata()
    const set = (await json(http, jwks_uri).catch(error => {
      throw issuerAway(error)
    })) as JSONWebKeySet
    const text = JSON.stringify(set)
    if (known !== text && known !== '') onKeys()
    known = text
    keys = createLocalJWKSet(set)
    return keys
  }

  return {
    metadata,
    async key(header, token) {
      const set = keys ?? (await load())
      try {
        return await set(header, token)
      } catch (error) {
        if (performance.now() - lookedAt < COOLDOWN_MS) throw error
        return (await load())(header, token)
      }
    },
    refresh: async () => void (await load()),
  }
}

/** The well-known part goes between host and path (RFC 8414 §3.1). */
function metadataUrl(issuer: string): string {
  const { origin, pathname } = new URL(issuer)
  return `${origin}/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname}`
}

async function json(http: Http, url: string): Promise<unknown> {
  const { status, text } = await http.get(url, { accept: 'application/json' })
  if (status !== 200) throw new Error(`${url} answered ${status}`)
  return JSON.parse(text)
}
