import { LockMode } from '@mikro-orm/postgresql'
import type { AuthenticationResponseJSON } from '@simplewebauthn/server'
import { writeAudit } from '../../audit/audit.ts'
import type { Database, Em } from '../../database/database.ts'
import { wrongPasskey } from '../../errors/errors.ts'
import { User } from '../user.entity.ts'
import type { Challenges } from './challenges.ts'
import { credentialIdOf, readCredential } from './credential.ts'
import { Passkey } from './passkey.entity.ts'
import type { RelyingParty } from './relying-party.ts'
import { loadWebAuthn } from './webauthn.ts'

/** What the page gives to the browser, and the challenge for a field of the form. */
export interface PasskeyRequest {
  /** JSON of PublicKeyCredentialCreationOptions or PublicKeyCredentialRequestOptions (WebAuthn Level 3 §5.1.8, §5.1.9). */
  options: object
  sealed: string
}

/** What the form sends back. */
export interface PasskeyAnswer {
  sealed: string | undefined
  /** JSON of the PublicKeyCredential. */
  credential: string | undefined
}

/** Signing in and confirming by a passkey. */
export interface PasskeyUse {
  /**
   * Options for the use of a passkey.
   * @param browser a value that only this browser has
   * @param user whose passkeys; undefined: the browser knows
   */
  beginUsing(browser: string, user?: string): Promise<PasskeyRequest>
  /**
   * Verifies the use of a passkey, with the verification of the user by PIN or biometrics.
   * @param user whose passkey it has to be; undefined: anybody's
   * @returns its user
   * @throws 401 if it is not accepted; 422 if it took too long
   */
  use(browser: string, answer: PasskeyAnswer, user?: string): Promise<User>
}

/** Milliseconds that a browser waits for the user. */
export const TIMEOUT_MS = 300_000

export interface PasskeyUseOptions {
  db: Database
  rp: RelyingParty
  challenges: Challenges
}

export function createPasskeyUse({ db, rp, challenges }: PasskeyUseOptions): PasskeyUse {
  const checks = { expectedOrigin: rp.origin, expectedRPID: rp.id, requireUserVerification: true }

  async function find(credentialId: Buffer, user: string | undefined): Promise<Passkey> {
    const where = { credentialId, ...(user !== undefined && { user }) }
    const passkey = await db.run(em => em.findOne(Passkey, where))
    if (!passkey) throw wrongPasskey()
    return passkey
  }

  async function newCounter(passkey: Passkey, response: AuthenticationResponseJSON, expectedChallenge: string) {
    // The counter is compared below, in the statement that stores it.
    const credential = { id: response.id, publicKey: new Uint8Array(passkey.publicKey), counter: 0 }
    const { verifyAuthenticationResponse } = await loadWebAuthn()
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      ...checks,
      response,
      expectedChallenge,
      credential,
    }).catch(cause => {
      throw wrongPasskey(cause)
    })
    if (!verified) throw wrongPasskey()
    return authenticationInfo.newCounter
  }

  /** Uses the challenge up and stores the counter. @returns false if the counter shows that the passkey was copied */
  async function record(em: Em, { id, user }: Passkey, challenge: string, counter: number): Promise<User | false> {
    if (!(await challenges.consume(em, challenge))) throw wrongPasskey()
    const rows = (await em.execute(
      'update passkeys set counter = ?, last_used_at = ? where id = ? and (counter < ? or (counter = 0 and ? = 0)) returning id',
      [counter, new Date(), id, counter, counter],
    )) as unknown[]
    const owner = await em.findOne(User, { id: user }, { lockMode: LockMode.PESSIMISTIC_READ })
    if (!owner || owner.disabledAt) throw wrongPasskey()
    if (rows.length === 1) return owner
    writeAudit(em, { kind: 'sign_in.failed', userId: user, details: { passkey: id, reason: 'counter' } })
    return false
  }

  return {
    async beginUsing(browser, user) {
      const { value, sealed } = await challenges.issue({ purpose: 'use', browser })
      const { generateAuthenticationOptions } = await loadWebAuthn()
      const options = await generateAuthenticationOptions({
        rpID: rp.id,
        challenge: new Uint8Array(Buffer.from(value, 'base64url')),
        timeout: TIMEOUT_MS,
        userVerification: 'required',
        ...(user !== undefined && { allowCredentials: await describePasskeys(db, user) }),
      })
      return { options, sealed }
    },

    async use(browser, { sealed, credential }, user) {
      const challenge = await challenges.open(sealed, { purpose: 'use', browser })
      const response = readCredential<AuthenticationResponseJSON>(credential)
      const passkey = await find(credentialIdOf(response), user)
      const counter = await newCounter(passkey, response, challenge)
      const owner = await db.transaction(em => record(em, passkey, challenge, counter))
      if (!owner) throw wrongPasskey()
      return owner
    },
  }
}

/** The passkeys of a user, for the options of a browser. */
export async function describePasskeys(db: Database, user: string): Promise<{ id: string; transports: string[] }[]> {
  const passkeys = await db.run(em => em.find(Passkey, { user }, { orderBy: { id: 'asc' } }))
  return passkeys.map(({ credentialId, transports }) => ({
    id: Buffer.from(credentialId).toString('base64url'),
    transports,
  }))
}
