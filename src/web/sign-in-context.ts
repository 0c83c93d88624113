import { PosternError } from '../errors/errors.ts'
import type { AuthorizeRequests } from '../oauth/authorize-request.ts'
import { AuthorizationErrorResponse } from '../oauth/authorize-response.ts'
import type { Site } from './site.ts'

/** What somebody signs in for. */
export interface SignInContext {
  /** The name of the app that sent them; undefined when its request will be refused. */
  app: string | undefined
}

/** What a path on this server is about, if an app asks for something there. */
export type SignInContextOf = (path: string) => Promise<SignInContext | undefined>

export function createSignInContextOf(requests: AuthorizeRequests, { base }: Site): SignInContextOf {
  return async path => {
    const url = `${base}/oauth/authorize?`
    if (!path.startsWith(url)) return undefined
    try {
      const { client } = await requests.read(path.slice(url.length))
      return { app: client.name }
    } catch (error) {
      if (error instanceof AuthorizationErrorResponse) return { app: undefined }
      if (error instanceof PosternError && error.status < 500) return undefined
      throw error
    }
  }
}
