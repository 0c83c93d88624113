import { jwtVerify, SignJWT } from 'jose'
import { deriveKey } from '../config/app-key.ts'
import { badRequest } from '../errors/errors.ts'
import type { DerivedKey, KeyRing } from '../security/key-ring.ts'
import type { SignedIn } from '../users/sessions.ts'
import { DECISION_SECONDS } from './pushed.ts'

/** The content of a consent form as the user saw it. */
export interface ConsentFormData {
  /** The query of the authorization request. */
  query: string
  scopes: string[]
  /** A fingerprint of a client with a metadata document. */
  client?: string | undefined
}

/**
 * Stores the content of a consent form in the form itself, signed and bound to the session, with an expiry. It cannot be
 * changed, and no node has to store it.
 */
export interface ConsentForms {
  seal(data: ConsentFormData, signedIn: SignedIn): Promise<string>
  /**
   * @returns the content; `current` is false if it has expired or belongs to another session, and must not be accepted then
   * @throws 400 if it was not issued by this server, or was changed
   */
  open(text: string | undefined, signedIn: SignedIn): Promise<ConsentFormData & { current: boolean }>
  /** The request of a form, also of an expired one or another session's; undefined if this server did not issue it. */
  queryOf(text: string | undefined): Promise<string | undefined>
}

const TYPE = 'consent-form+jwt'
/** How long after its expiry a form can still be used to show the request again. */
const MAX_STALE_SECONDS = 86_400

export function createConsentForms(ring: KeyRing): ConsentForms {
  const keys = ring.derive(appKey => deriveKey(appKey, 'postern consent forms'))
  const checks = {
    algorithms: ['HS256'],
    typ: TYPE,
    requiredClaims: ['exp', 'sub'],
    clockTolerance: MAX_STALE_SECONDS,
  }
  const verifiedBy = (text: string, { key }: DerivedKey) =>
    jwtVerify<ConsentFormData>(text, key, checks).then(
      ({ payload }) => payload,
      () => undefined,
    )

  async function verified(text: string) {
    for (const key of keys.all) {
      const payload = await verifiedBy(text, key)
      if (payload) return payload
    }
    return undefined
  }

  return {
    seal: ({ query, scopes, client }, { session }) =>
      new SignJWT({ query, scopes, client })
        .setProtectedHeader({ alg: 'HS256', typ: TYPE })
        .setSubject(session.id)
        .setExpirationTime(`${DECISION_SECONDS}s`)
        .sign(keys.active.key),

    async open(text = '', { session }) {
      const payload = await verified(text)
      if (!payload) throw badRequest('This form was changed or took too long. Go back to the app and start again.')
      const { query, scopes, client, sub, exp } = payload
      return { query, scopes, client, current: sub === session.id && exp !== undefined && exp * 1000 > Date.now() }
    },

    queryOf: async (text = '') => (await verified(text))?.query,
  }
}
