import { PosternError } from '../errors.ts'
import { RefusedToClient } from '../oauth/authorize-answer.ts'
import { formActionSources } from '../oauth/authorize-redirect.ts'
import type { AuthorizeRequests } from '../oauth/authorize-request.ts'
import type { Site } from './site.ts'

/** What somebody signs in for. */
export interface Lead {
  /** The name of the app that sent them; undefined when its request will be refused. */
  app: string | undefined
  /** Where signing in may lead: sources of the policy's `form-action`. */
  leadsTo: readonly string[]
}

/** What a path on this server is about, if an app asks for something there. */
export type LeadOf = (path: string) => Promise<Lead | undefined>

export function createLeadOf(requests: AuthorizeRequests, { base }: Site): LeadOf {
  return async path => {
    const place = `${base}/oauth/authorize?`
    if (!path.startsWith(place)) return undefined
    try {
      const { client, redirectUri } = await requests.read(path.slice(place.length))
      return { app: client.name, leadsTo: formActionSources(redirectUri) }
    } catch (error) {
      if (error instanceof RefusedToClient) return { app: undefined, leadsTo: formActionSources(error.to.redirectUri) }
      if (error instanceof PosternError && error.status < 500) return undefined
      throw error
    }
  }
}
