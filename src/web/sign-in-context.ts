import { PosternError } from '../errors/errors.ts'
import type { AuthorizeRequests } from '../oauth/authorize-request.ts'
import { AuthorizationErrorResponse } from '../oauth/authorize-response.ts'
import type { Site } from './site.ts'

/** Why a user signs in. */
export interface SignInContext {
  /** The name of the app that requests authorization, or its host if it says its name itself; undefined: the request is invalid. */
  app: string | undefined
}

/** The context of a path on this server; undefined unless it is an authorization request. */
export type SignInContextOf = (path: string) => Promise<SignInContext | undefined>

export function createSignInContextOf(requests: AuthorizeRequests, { base }: Site): SignInContextOf {
  return async path => {
    const url = `${base}/oauth/authorize?`
    if (!path.startsWith(url)) return undefined
    try {
      const { client } = await requests.read(path.slice(url.length))
      return { app: client.metadataUrl === null ? client.name : new URL(client.metadataUrl).host }
    } catch (error) {
      if (error instanceof AuthorizationErrorResponse) return { app: undefined }
      if (error instanceof PosternError && error.status < 500) return undefined
      throw error
    }
  }
}
