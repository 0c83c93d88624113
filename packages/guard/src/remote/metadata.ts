import { IMPORTED_FORMATS, type ImportedFormat } from '../imported-text.ts'
import { normalizeIssuer } from '../issuer-url.ts'
import type { HttpClient } from './http.ts'
import { httpStatusError, issuerRefused } from './issuer-refusal.ts'

/** The members of an issuer's metadata that the guard uses (RFC 8414 §2). */
export interface Metadata {
  issuer: string
  jwks_uri: string
  introspection_endpoint?: string
  status_list_aggregation_endpoint?: string
  /** Postern: the event feed. */
  status_events_endpoint?: string
  /** Postern: the endpoint for usage reports. */
  token_usage_endpoint?: string
  /** Postern: the endpoint for revocations that a restored issuer lost. */
  lost_revocations_endpoint?: string
  /** Postern: the `aud` of tokens that name no resource. */
  deployment_audience?: string
  /** Postern: the prefix of opaque tokens. */
  token_prefix?: string
  /** Postern: formats of tokens that were imported from another system. */
  imported_token_formats?: ImportedFormat[]
  /** Postern: earlier identifiers of the issuer whose tokens it still accepts. */
  previous_issuers?: string[]
}

/** The maximum number of previous issuers, since each token is compared with all of them. */
const MAX_PREVIOUS = 20

/**
 * Requests the metadata.
 * @param url the issuer, in normal form
 * @throws PosternError `issuer_refused` when it is the metadata of another issuer
 */
export async function fetchMetadata(http: HttpClient, url: string): Promise<Metadata> {
  const location = metadataUrl(url)
  // A cached response may be older than the change that caused this request.
  const metadata = (await fetchJson(http, location, { 'cache-control': 'no-cache' })) as Metadata
  // RFC 8414 §3.3: it may not be the metadata of another issuer.
  if (normalizeIssuer(metadata.issuer) !== url) {
    throw issuerRefused(
      `The metadata at ${location} names the issuer ${JSON.stringify(metadata.issuer)}, not ${JSON.stringify(url)}. Set the guard's issuer to the one in the metadata.`,
    )
  }
  const { deployment_audience: audience, previous_issuers: previous, token_prefix: prefix, ...others } = metadata
  const { imported_token_formats: formats, ...rest } = others
  return {
    ...rest,
    ...(typeof audience === 'string' && { deployment_audience: audience }),
    ...(typeof prefix === 'string' && { token_prefix: prefix }),
    ...(Array.isArray(formats) && { imported_token_formats: IMPORTED_FORMATS.filter(one => formats.includes(one)) }),
    previous_issuers: Array.isArray(previous) ? previous.filter(isPrevious).slice(0, MAX_PREVIOUS) : [],
  }
}

/** Only normal forms are valid, because they are compared exactly with `iss`. */
const isPrevious = (value: unknown): value is string => typeof value === 'string' && normalizeIssuer(value) === value

/** Requests a JSON object. @throws PosternError `issuer_refused`, or an error that may be transient */
export async function fetchJson(http: HttpClient, url: string, headers: Record<string, string> = {}): Promise<unknown> {
  const { status, text } = await http.get(url, { accept: 'application/json', ...headers })
  if (status !== 200) throw httpStatusError(url, status)
  const body: unknown = JSON.parse(text)
  if (typeof body !== 'object' || body === null) throw new Error(`${url} did not return a JSON object`)
  return body
}

/** The well-known path is inserted between host and path (RFC 8414 §3.1). */
export function metadataUrl(issuer: string): string {
  const { origin, pathname } = new URL(issuer)
  return `${origin}/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname}`
}
