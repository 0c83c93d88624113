import {
  checkOptions,
  isIssuerList,
  isNonEmptyString,
  isScopes,
  isWebUrl,
  optional,
  requireOptions,
} from './options.ts'

/** The metadata of a resource server (RFC 9728 §2). */
export interface ProtectedResourceOptions {
  /** The resource identifier: the `aud` of tokens for this server. A URL at the origin where clients reach it. */
  resource: string
  /** The issuers whose tokens the server accepts. */
  authorizationServers: readonly string[]
  /** The scopes that its routes require. Default: not stated. */
  scopes?: readonly string[] | undefined
  /** The name of the server, for display. */
  name?: string | undefined
  /** The URL of the documentation for developers. */
  documentation?: string | undefined
}

/** The metadata of a resource, and the URL at which the application has to serve it. */
export interface ResourceDescription {
  url: URL
  metadata: object
}

/** The metadata is public: any cache may store it, and scripts of every origin may read it. */
export const METADATA_HEADERS = { 'cache-control': 'public, max-age=300', 'access-control-allow-origin': '*' }

/** The well-known path of a resource without a path (RFC 9728 §3). */
export const PROTECTED_RESOURCE_PATH = '/.well-known/oauth-protected-resource'

/**
 * The URL of a resource's metadata: the well-known path is inserted between host and path (RFC 9728 §3.1).
 * @throws TypeError unless it is an http or https URL without a fragment
 */
export function resourceMetadataUrl(resource: string): URL {
  const url = URL.parse(resource)
  if (!url || !/^https?:$/.test(url.protocol) || resource.includes('#')) {
    throw new TypeError(
      `The identifier of a protected resource must be an http or https URL without a fragment, not "${resource}".`,
    )
  }
  return new URL(PROTECTED_RESOURCE_PATH + url.pathname.replace(/^\/$/, '') + url.search, url)
}

const RULES = {
  resource: isWebUrl,
  authorizationServers: isIssuerList,
  scopes: optional(isScopes),
  name: optional(isNonEmptyString),
  documentation: optional(isWebUrl),
}

/**
 * Returns the metadata of a protected resource, and the URL at which the application has to serve it (RFC 9728 §2, §3).
 * @throws TypeError that names an option that is missing, empty or not a URL where one is required
 * @example
 * const { url, metadata } = describeResource({
 *   resource: 'https://orders.example.com',
 *   authorizationServers: ['https://id.example.com'],
 * })
 * app.get(url.pathname, (_request, response) => response.json(metadata))
 */
export function describeResource(options: ProtectedResourceOptions): ResourceDescription {
  checkOptions('describeResource', options, RULES)
  requireOptions('describeResource', options, ['resource', 'authorizationServers'])
  const { resource, authorizationServers, scopes, name, documentation } = options
  const metadata = {
    resource,
    authorization_servers: authorizationServers,
    // An empty list is omitted (RFC 9728 §3.2).
    ...(scopes?.length && { scopes_supported: scopes }),
    bearer_methods_supported: ['header'],
    ...(name !== undefined && { resource_name: name }),
    ...(documentation !== undefined && { resource_documentation: documentation }),
  }
  return { url: resourceMetadataUrl(resource), metadata }
}
