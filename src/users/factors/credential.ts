import type { RegistrationResponseJSON, VerifyRegistrationResponseOpts } from '@simplewebauthn/server'
import { invalid, wrongPasskey } from '../../errors/errors.ts'
import { loadWebAuthn, loadWebAuthnHelpers } from './webauthn.ts'

/** As long as a credential id may be, in bytes (WebAuthn Level 3 §4, Credential ID). */
const MAX_ID_BYTES = 1_023
const TRANSPORT = /^[a-z-]{1,16}$/
const BASE64URL = /^[\w-]+$/

/** Parses the JSON of a PublicKeyCredential, which comes from the browser. @throws 401 */
export function readCredential<T extends { id: string }>(text: string | undefined): T {
  try {
    const value = JSON.parse(text ?? '') as T
    if (typeof value?.id === 'string') return value
  } catch (cause) {
    throw wrongPasskey(cause)
  }
  throw wrongPasskey()
}

/** @throws 401 */
export function credentialIdOf({ id }: { id: string }): Buffer {
  const bytes = Buffer.from(id, 'base64url')
  if (!BASE64URL.test(id) || bytes.length > MAX_ID_BYTES) throw wrongPasskey()
  return bytes
}

/**
 * Verifies a new credential (WebAuthn Level 3 §7.1).
 * @returns the columns of its row
 * @throws 422 if it is not acceptable
 */
export async function verifyNewCredential(
  text: string | undefined,
  checks: Omit<VerifyRegistrationResponseOpts, 'response'>,
) {
  const verified = await verify(text, checks).catch(() => undefined)
  if (!verified?.verified) throw invalid({ path: 'passkey', message: 'was not accepted: try again' })
  const { id, publicKey, counter, transports = [] } = verified.registrationInfo.credential
  return {
    credentialId: credentialIdOf({ id }),
    publicKey: Buffer.from(publicKey),
    counter,
    transports: transports.filter(transport => typeof transport === 'string' && TRANSPORT.test(transport)).slice(0, 8),
  }
}

async function verify(text: string | undefined, checks: Omit<VerifyRegistrationResponseOpts, 'response'>) {
  const response = readCredential<RegistrationResponseJSON>(text)
  await assertNoCertificates(response)
  const { verifyRegistrationResponse } = await loadWebAuthn()
  return verifyRegistrationResponse({ ...checks, response })
}

/**
 * The library looks up revocation lists at addresses that the certificates of an attestation name. None is requested, so
 * a certificate comes only from somebody who wants this server to fetch something.
 */
async function assertNoCertificates({ response }: RegistrationResponseJSON): Promise<void> {
  const { decodeAttestationObject } = await loadWebAuthnHelpers()
  const attestation = decodeAttestationObject(new Uint8Array(Buffer.from(response.attestationObject, 'base64url')))
  const format = attestation.get('fmt')
  const isSelf = format === 'packed' && attestation.get('attStmt').get('x5c') === undefined
  if (format !== 'none' && !isSelf) throw new TypeError(`attestation ${format}`)
}
