import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config/config.ts'
import type { Params } from '../grants/grant.ts'
import type { ConfirmUser, Proof } from '../users/confirm-user.ts'
import type { DeviceCookies } from '../users/device-cookies.ts'
import type { Factors } from '../users/factors/factors.ts'
import type { HeldForms } from '../users/held-forms.ts'
import type { Sessions } from '../users/sessions.ts'
import { labelOf } from '../users/user.entity.ts'
import { type FormError, fieldErrors, formErrorOf } from './form-error.ts'
import { factorFields } from './passkey-field.ts'
import { createSignInOriginOf } from './sign-in-origin.ts'
import { signedInOf } from './signed-in.ts'
import type { Site } from './site.ts'
import type { ResubmittedForm } from './stale-form.ts'
import { texts } from './texts.ts'

/** The fields in which users confirm who they are, which are added to those of the form. */
const FIELDS = {
  password: 'own_password',
  code: 'own_code',
  challenge: 'own_challenge',
  credential: 'own_credential',
} as const
const NAMES: ReadonlySet<string> = new Set(Object.values(FIELDS))

export interface ConfirmPageOptions {
  confirmUser: ConfirmUser
  factors: Pick<Factors, 'list' | 'passkeys'>
  sessions: Pick<Sessions, 'confirm'>
  heldForms: HeldForms
  deviceCookies: DeviceCookies
  site: Site
  config: Pick<Config, 'oidc'>
}

interface ShowOptions {
  refusal?: FormError | undefined
  /** As for `reply.page`. */
  redirects?: boolean
}

/** The page on which signed-in users confirm who they are, and the check of what they enter there. */
export interface ConfirmPage {
  /**
   * @param form what is submitted together with the confirmation
   * @param next the path that a provider returns to
   */
  show(reply: FastifyReply, form: ResubmittedForm, next: string, more?: ShowOptions): Promise<string>
  /** Whether the form contains a confirmation. */
  isConfirming(fields: Params): boolean
  /**
   * Checks the confirmation in a form, records it, and removes it from the fields.
   * @returns why it was rejected; undefined: it was not
   */
  check(request: FastifyRequest): Promise<FormError | undefined>
}

export function createConfirmPage(options: ConfirmPageOptions): ConfirmPage {
  const { confirmUser, factors, sessions, site, config } = options
  const originOf = createSignInOriginOf(options)

  function providerOf(issuer: string | null | undefined, next: string) {
    const provider = config.oidc.find(one => one.issuer === issuer)
    const url = `${site.base}/confirm/oidc/${provider?.key}?next=${encodeURIComponent(next)}`
    return provider && { label: provider.label, url }
  }

  /** What the user can confirm with: a second factor, if there is one, else the password. */
  async function means(request: FastifyRequest) {
    const { session, user, hasFactors } = signedInOf(request)
    return hasFactors ? factorFields(factors, session.id, user.id) : { byPassword: true }
  }

  return {
    async show(reply, { action, fields, passwords }, next, { refusal, redirects = false } = {}) {
      const { request } = reply
      const byProvider = providerOf(signedInOf(request).session.provider, next)
      const form = {
        action,
        fields: fields.filter(([name]) => !NAMES.has(name)),
        passwords: passwords.filter(name => !NAMES.has(name)),
      }
      const data = {
        title: texts.confirm.title,
        form,
        byProvider,
        ...(await means(request)),
        refusal,
      }
      const status = refusal?.status ?? 403
      return reply.page('confirm.eta', data, { status, redirects })
    },

    isConfirming: fields => Object.keys(fields).some(name => NAMES.has(name)),

    async check(request) {
      const { session, user } = signedInOf(request)
      const body = (request.body ?? {}) as Params
      try {
        const from = originOf(request, labelOf(user))
        const method = await confirmUser(user.id, from, proofOf(body, session.id), FIELDS.password)
        await sessions.confirm(session.id, { method })
      } catch (error) {
        const refusal = formErrorOf(error)
        return refusal.status === 429 ? refusal : wrong(body)
      }
      session.provedAt = new Date()
      request.body = Object.fromEntries(Object.entries(body).filter(([name]) => !NAMES.has(name)))
      return undefined
    },
  }
}

function proofOf(fields: Params, browser: string): Proof {
  const { [FIELDS.password]: password, [FIELDS.code]: code, [FIELDS.credential]: credential } = fields
  const passkey = credential ? { browser, credential, sealed: fields[FIELDS.challenge] } : undefined
  return { password, code: code || undefined, passkey }
}

function wrong(fields: Params): FormError {
  const text = texts.confirm
  if (fields[FIELDS.credential]) return { status: 400, message: text.wrongPasskey }
  const isCode = fields[FIELDS.code] !== undefined
  return fieldErrors(isCode ? { [FIELDS.code]: text.wrongCode } : { [FIELDS.password]: text.wrong })
}
