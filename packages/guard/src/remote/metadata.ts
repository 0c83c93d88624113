import { normalizeIssuer } from '../issuer-url.ts'
import type { HttpClient } from './http.ts'
import { httpStatusError, issuerRefused } from './issuer-refusal.ts'

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
  /** Ours: what opaque tokens begin with. */
  token_prefix?: string
  /** Ours: identifiers that the issuer had before, and whose tokens it still accepts. */
  previous_issuers?: string[]
}

/** More than anybody needs, and few enough to be compared with each token. */
const MAX_PREVIOUS = 20

/**
 * The metadata as it is published now.
 * @param url of the issuer, in normal form
 * @throws a refusal when it is another issuer's
 */
export async function fetchMetadata(http: HttpClient, url: string): Promise<Metadata> {
  const from = metadataUrl(url)
  // What a cache on the way holds may be from before the change that is looked for.
  const found = (await fetchJson(http, from, { 'cache-control': 'no-cache' })) as Metadata
  // RFC 8414 §3.3: anything else could be another issuer's.
  if (normalizeIssuer(found.issuer) !== url) {
    throw issuerRefused(
      `The metadata at ${from} is of the issuer ${JSON.stringify(found.issuer)}, not of ${JSON.stringify(url)}. Set the guard's issuer to what the metadata says.`,
    )
  }
  const { deployment_audience: audience, previous_issuers: previous, token_prefix: prefix, ...rest } = found
  return {
    ...rest,
    ...(typeof audience === 'string' && { deployment_audience: audience }),
    ...(typeof prefix === 'string' && { token_prefix: prefix }),
    previous_issuers: Array.isArray(previous) ? previous.filter(isPrevious).slice(0, MAX_PREVIOUS) : [],
  }
}

/** Only in its normal form: it is compared with `iss` letter by letter. */
const isPrevious = (value: unknown): value is string => typeof value === 'string' && normalizeIssuer(value) === value

/** An object that an issuer answers. @throws a refusal, or an error that may pass */
export async function fetchJson(http: HttpClient, url: string, headers: Record<string, string> = {}): Promise<unknown> {
  const { status, text } = await http.get(url, { accept: 'application/json', ...headers })
  if (status !== 200) throw httpStatusError(url, status)
  const found: unknown = JSON.parse(text)
  if (typeof found !== 'object' || found === null) throw new Error(`${url} did not answer with an object`)
  return found
}

/** The well-known part goes between host and path (RFC 8414 §3.1). */
function metadataUrl(issuer: string): string {
  const { origin, pathname } = new URL(issuer)
  return `${origin}/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname}`
}
