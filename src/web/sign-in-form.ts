import type { FastifyReply } from 'fastify'
import type { Config } from '../config/config.ts'
import type { Factors } from '../users/factors/factors.ts'
import type { FormError } from './form-error.ts'
import { signInField } from './passkey-field.ts'
import type { SignInContextOf } from './sign-in-context.ts'
import type { Site } from './site.ts'
import { texts } from './texts.ts'

export interface SignInFormOptions {
  site: Site
  signInContextOf: SignInContextOf
  mail: { readonly enabled: boolean }
  factors: Pick<Factors, 'passkeys'>
  config: Pick<Config, 'passwords' | 'oidc'>
}

interface Attempt {
  /** The path to return to. */
  next: string | undefined
  email?: string | undefined
}

/** Shows the sign-in page: providers, and the form for a password. */
export type SignInForm = (reply: FastifyReply, attempt: Attempt, refusal?: FormError) => Promise<string>

export function createSignInForm({ site, signInContextOf, mail, factors, config }: SignInFormOptions): SignInForm {
  const byPassword = config.passwords !== 'off'
  return async (reply, { next, email }, refusal) => {
    const context = next === undefined ? undefined : await signInContextOf(next)
    const query = next === undefined ? '' : `?next=${encodeURIComponent(next)}`
    const providers = config.oidc.map(({ key, label }) => ({ label, url: `${site.base}/login/oidc/${key}${query}` }))
    const data = {
      title: texts.signIn.title,
      next,
      email,
      app: context?.app,
      providers,
      byPassword,
      offered: reply.request.offered?.name,
      passkey: byPassword ? await signInField(reply, site, factors) : undefined,
      forgot: mail.enabled && byPassword,
      refusal,
    }
    return reply.page('sign-in.eta', data, { redirects: context !== undefined })
  }
}
