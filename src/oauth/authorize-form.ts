import { jwtVerify, SignJWT } from 'jose'
import { deriveKey } from '../config/app-key.ts'
import { badRequest } from '../errors/errors.ts'
import type { SignedIn } from '../users/sessions.ts'
import { ANSWER_SECONDS } from './pushed.ts'

/** What a consent form was about, as the person saw it. */
export interface ConsentFormData {
  /** The query of the authorization request. */
  query: string
  scopes: string[]
}

/**
 * Keeps what a consent form is about inside the form: signed, for this session, for as long as an answer may take. So
 * nothing about it can be changed, and no node has to remember it.
 */
export interface ConsentForms {
  seal(data: ConsentFormData, signedIn: SignedIn): Promise<string>
  /**
   * @returns what it was about; `current` is false when it has expired, or is another session's: then it answers nothing
   * @throws 400 when it is not ours, or was changed
   */
  open(text: string | undefined, signedIn: SignedIn): Promise<ConsentFormData & { current: boolean }>
  /** The request of a form of ours, also of another session or an expired one; undefined: it is not ours. */
  queryOf(text: string | undefined): Promise<string | undefined>
}

const TYPE = 'consent-form+jwt'
/** How long after its end a form still says which request to ask again. */
const MAX_STALE_SECONDS = 86_400

/** @param appKey at least 32 random bytes in base64 */
export function createConsentForms(appKey: string): ConsentForms {
  const secret = deriveKey(appKey, 'postern consent forms')
  const checks = {
    algorithms: ['HS256'],
    typ: TYPE,
    requiredClaims: ['exp', 'sub'],
    clockTolerance: MAX_STALE_SECONDS,
  }
  const verified = (text: string) =>
    jwtVerify<ConsentFormData>(text, secret, checks).then(
      ({ payload }) => payload,
      () => undefined,
    )

  return {
    seal: ({ query, scopes }, { session }) =>
      new SignJWT({ query, scopes })
        .setProtectedHeader({ alg: 'HS256', typ: TYPE })
        .setSubject(session.id)
        .setExpirationTime(`${ANSWER_SECONDS}s`)
        .sign(secret),

    async open(text = '', { session }) {
      const payload = await verified(text)
      if (!payload) throw badRequest('This form was changed or took too long. Go back to the app and start again.')
      const { query, scopes, sub, exp } = payload
      return { query, scopes, current: sub === session.id && exp !== undefined && exp * 1000 > Date.now() }
    },

    queryOf: async (text = '') => (await verified(text))?.query,
  }
}
