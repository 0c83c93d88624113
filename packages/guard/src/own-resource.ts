import { isWebUrl } from './options.ts'
import { describeResource, type ProtectedResourceOptions, type ResourceDescription } from './resource.ts'

/** The metadata of a guarded API. What the options of its guard state need not be stated again. */
export type OwnResourceOptions = Partial<ProtectedResourceOptions>

/** The options of a guard that identify its API. */
interface GuardIdentity {
  issuer?: string
  audience?: string | readonly string[]
}

/** What a guard knows of its API: a single audience that is a URL is the API's resource identifier. */
export function ownResourceOf(options: object): OwnResourceOptions {
  const { issuer, audience } = options as GuardIdentity
  return {
    ...(isResource(audience) && { resource: audience }),
    ...(issuer !== undefined && { authorizationServers: [issuer] }),
  }
}

function isResource(audience: unknown): audience is string {
  try {
    isWebUrl('', audience)
    return true
  } catch {
    return false
  }
}

/**
 * Describes the API of a guard (RFC 9728).
 * @param known from the options of the guard
 * @throws TypeError that names what neither states
 */
export function describeOwnResource(known: OwnResourceOptions, given: OwnResourceOptions = {}): ResourceDescription {
  return describeResource({ ...known, ...given } as ProtectedResourceOptions)
}
