import {
  checkOptions,
  isIssuerList,
  isNonEmptyString,
  isScopes,
  isWebUrl,
  optional,
  requireOptions,
} from './options.ts'

export interface ProtectedResourceOptions {
  /** What tokens for this server are meant for: their `aud`, a URL that begins where the server is found. */
  resource: string
  /** Issuers whose tokens are let in. */
  authorizationServers: readonly string[]
  /** Scopes that its routes ask for; omitted: not said. */
  scopes?: readonly string[] | undefined
  /** For people. */
  name?: string | undefined
  /** URL of the documentation for developers. */
  documentation?: string | undefined
}

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/**
 * Where the metadata of a resource stands: the well-known path goes between the host and the path (RFC 9728 §3.1).
 * @throws TypeError for what is no http or https URL, or has a fragment
 */
export function resourceMetadataUrl(resource: string): URL {
  const url = URL.parse(resource)
  if (!url || !/^https?:$/.test(url.protocol) || resource.includes('#')) {
    throw new TypeError(`A protected resource is named by an http or https URL without a fragment, not "${resource}"`)
  }
  return new URL(WELL_KNOWN + url.pathname.replace(/^\/$/, '') + url.search, url)
}

const RULES = {
  resource: isWebUrl,
  authorizationServers: isIssuerList,
  scopes: optional(isScopes),
  name: optional(isNonEmptyString),
  documentation: optional(isWebUrl),
}

/**
 * A protected resource's metadata, and the URL where clients look for it (RFC 9728 §2, §3).
 * @throws TypeError that names an option that is missing, empty or no URL where one is due
 */
export function describeResource(options: ProtectedResourceOptions) {
  checkOptions('describeResource', options, RULES)
  requireOptions('describeResource', options, ['resource', 'authorizationServers'])
  const { resource, authorizationServers, scopes, name, documentation } = options
  const metadata = {
    resource,
    authorization_servers: authorizationServers,
    // A list without members is left out (RFC 9728 §3.2).
    ...(scopes?.length && { scopes_supported: scopes }),
    bearer_methods_supported: ['header'],
    ...(name !== undefined && { resource_name: name }),
    ...(documentation !== undefined && { resource_documentation: documentation }),
  }
  return { url: resourceMetadataUrl(resource), metadata }
}
