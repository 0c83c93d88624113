import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Params } from '../grants/grant.ts'
import { texts } from './texts.ts'

/** Whether a form was refused for its CSRF token: it is out of date, of another session, or somebody else's. */
export const isStaleForm = (error: { code?: string }): boolean => error.code?.startsWith('FST_CSRF_') === true

/** What to say of it. Without the cookie that the token belongs to, the browser keeps none, or they were deleted. */
export const staleFormText = ({ code }: { code?: string }): string =>
  code === 'FST_CSRF_MISSING_SECRET' ? texts.error.cookies : texts.error.stale

/** What somebody typed into a form that was refused, to be sent again; passwords have to be typed again. */
export interface ResubmittedForm {
  action: string
  fields: [name: string, value: string][]
  passwords: string[]
}

/**
 * The fields of a refused form, for a fresh form that shows them. Nothing of what another site sent comes back.
 * @returns undefined when nobody is signed in, or the form came from another site
 */
export function toResubmittedForm(request: FastifyRequest, action: string): ResubmittedForm | undefined {
  const from = request.headers['sec-fetch-site'] ?? 'same-origin'
  if (!request.signedIn || request.method !== 'POST' || from !== 'same-origin') return undefined
  const { _csrf, ...sent } = (request.body ?? {}) as Params
  const names = Object.keys(sent)
  const isPassword = (name: string) => /password/i.test(name)
  const fields = names.filter(name => !isPassword(name)).map(name => [name, sent[name] ?? ''] as [string, string])
  return { action, fields, passwords: names.filter(isPassword) }
}

/** Signing out twice is no harm: whoever is signed out already is led on. Nothing is changed, no cookie either. */
export function redirectOnSignOut(base: string) {
  return (error: { code?: string }, request: FastifyRequest, reply: FastifyReply) => {
    if (!isStaleForm(error) || request.signedIn) throw error
    return reply.redirect(`${base}/login`, 303)
  }
}
