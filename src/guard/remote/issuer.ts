import type { JSONWebKeySet } from 'jose'
import { issuerAway } from '../errors.ts'
import { normalizeIssuer } from '../issuer-url.ts'
import type { Http } from './http.ts'
import { createJwks, type Jwks } from './jwks.ts'
import type { Monitor, Part } from './monitor.ts'
import { answerError, isRefusal, issuerRefused } from './refusal.ts'

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
  /** Ours: the `aud` of tokens that name no resource. */
  deployment_audience?: string
}

export interface Issuer {
  /** Once it was had it is kept; @throws 503 while it cannot be had */
  metadata(): Promise<Metadata>
  keys: Jwks
}

/** After a refusal that waiting will not mend, the next request is made this much later, in milliseconds. */
export const REFUSED_PAUSE_MS = 30_000
/** After any other answer that cannot be used. */
const FAILED_PAUSE_MS = 250

/** @param onKeys called when a key is gone */
export function createIssuer(url: string, http: Http, monitor: Monitor, onKeys: () => void): Issuer {
  const metadata = once(async () => {
    const from = metadataUrl(url)
    const found = (await json(http, from)) as Metadata
    // RFC 8414 §3.3: anything else could be another issuer's.
    if (normalizeIssuer(found.issuer) !== url) {
      throw issuerRefused(
        `The metadata at ${from} is of the issuer ${JSON.stringify(found.issuer)}, not of ${JSON.stringify(url)}. Set the guard's issuer to what the metadata says.`,
      )
    }
    return found
  }, watched('metadata'))

  const fetchKeys = paused(
    async () => json(http, (await metadata()).jwks_uri) as Promise<JSONWebKeySet>,
    watched('keys'),
  )

  function watched(part: Part) {
    return { ok: () => monitor.ok(part), failed: (error: unknown) => monitor.failed(part, error) }
  }

  return {
    metadata: () =>
      metadata().catch(error => {
        throw issuerAway(error)
      }),
    keys: createJwks(fetchKeys, onKeys),
  }
}

interface Watch {
  ok(): void
  failed(error: unknown): void
}

/** After a failure the work is not begun again at once: until then each call fails with the same error. */
function paused<T>(work: () => Promise<T>, { ok, failed }: Watch): () => Promise<T> {
  let last: { error: unknown; until: number } | undefined
  return async () => {
    if (last && performance.now() < last.until) throw last.error
    try {
      const result = await work()
      last = undefined
      ok()
      return result
    } catch (error) {
      last = { error, until: performance.now() + (isRefusal(error) ? REFUSED_PAUSE_MS : FAILED_PAUSE_MS) }
      failed(error)
      throw error
    }
  }
}

/** One load for everyone, kept once it succeeded. */
function once<T>(work: () => Promise<T>, watch: Watch): () => Promise<T> {
  const begin = paused(work, watch)
  let kept: Promise<T> | undefined
  return () => {
    kept ??= begin().catch(error => {
      kept = undefined
      throw error
    })
    return kept
  }
}

/** The well-known part goes between host and path (RFC 8414 §3.1). */
function metadataUrl(issuer: string): string {
  const { origin, pathname } = new URL(issuer)
  return `${origin}/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname}`
}

async function json(http: Http, url: string): Promise<unknown> {
  const { status, text } = await http.get(url, { accept: 'application/json' })
  if (status !== 200) throw answerError(url, status)
  const found: unknown = JSON.parse(text)
  if (typeof found !== 'object' || found === null) throw new Error(`${url} did not answer with an object`)
  return found
}
