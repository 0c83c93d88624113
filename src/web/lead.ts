import { PosternError } from '../errors/errors.ts'
import { RefusedToClient } from '../oauth/authorize-answer.ts'
import type { AuthorizeRequests } from '../oauth/authorize-request.ts'
import type { Site } from './site.ts'

/** What somebody signs in for. */
export interface Lead {
  /** The name of the app that sent them; undefined when its request will be refused. */
  app: string | undefined
}

/** What a path on this server is about, if an app asks for something there. */
export type LeadOf = (path: string) => Promise<Lead | undefined>

export function createLeadOf(requests: AuthorizeRequests, { base }: Site): LeadOf {
  return async path => {
    const place = `${base}/oauth/authorize?`
    if (!path.startsWith(place)) return undefined
    try {
      const { client } = await requests.read(path.slice(place.length))
      return { app: client.name }
    } catch (error) {
      if (error instanceof RefusedToClient) return { app: undefined }
      if (error instanceof PosternError && error.status < 500) return undefined
      throw error
    }
  }
}
