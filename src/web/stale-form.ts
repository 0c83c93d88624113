import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Params } from '../grants/grant.ts'
import { texts } from './texts.ts'

/** Whether a form was rejected for its CSRF token: it is outdated, of another session, or forged. */
export const isStaleForm = (error: { code?: string }): boolean => error.code?.startsWith('FST_CSRF_') === true

/** The message for it. A missing CSRF cookie means that the browser rejects cookies, or deleted them. */
export const staleFormText = ({ code }: { code?: string }): string =>
  code === 'FST_CSRF_MISSING_SECRET' ? texts.error.cookies : texts.error.stale

/** The values of a rejected form, to be submitted again. Passwords have to be entered again. */
export interface ResubmittedForm {
  action: string
  fields: [name: string, value: string][]
  passwords: string[]
}

/**
 * The values of a rejected form, for a new form. Values from another site are dropped.
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

/** Redirects users who sign out with an outdated form and are signed out already. Changes nothing, cookies included. */
export function redirectOnSignOut(base: string) {
  return (error: { code?: string }, request: FastifyRequest, reply: FastifyReply) => {
    if (!isStaleForm(error) || request.signedIn) throw error
    return reply.redirect(`${base}/login`, 303)
  }
}
