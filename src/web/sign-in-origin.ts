import type { FastifyRequest } from 'fastify'
import { peerOf } from '../http/forwarded.ts'
import type { DeviceCookies } from '../users/device-cookies.ts'
import type { SignInOrigin } from '../users/sign-in-limits.ts'
import type { Site } from './site.ts'

/** The address and the browser that a password for this e-mail address comes from. */
export type SignInOriginOf = (request: FastifyRequest, email: string) => SignInOrigin

export const createSignInOriginOf =
  ({ deviceCookies, site }: { deviceCookies: DeviceCookies; site: Site }): SignInOriginOf =>
  (request, email) => ({
    peer: peerOf(request),
    device: deviceCookies.read(request.cookies[site.deviceCookie], email),
  })
