import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { JWK } from 'jose'
import type { Algorithm } from '../config/config.ts'

/** Writes a signed text. @param typ the `typ` of its header, which says what it is for (RFC 8725 §3.11) */
export type Sign = (payload: object, typ: string) => Promise<string>

type Signature = (data: Buffer, key: KeyObject) => Buffer | Promise<Buffer>

/**
 * RFC 7518 §3, RFC 8037 §3. An elliptic signature is made on the spot: WebCrypto takes three times as long for one, since
 * it hands it to another thread and looks up the curve to convert it. An RSA one is so slow that others should not wait.
 */
const SIGNATURES: Record<Algorithm, Signature> = {
  ES256: (data, key) => toJoseSignature(sign('sha256', data, key)),
  EdDSA: (data, key) => sign(null, data, key),
  RS256: (data, key) => signAsync(data, key),
}

const signAsync = promisify((data: Buffer, key: KeyObject, done: (error: Error | null, signature: Buffer) => void) =>
  sign('sha256', data, key, done),
)

/**
 * Signs with one key: JSON Web Signatures in the compact form (RFC 7515 §7.1).
 * @param kid the key's id, set in every header beside `alg`
 * @param privateKey as a JWK
 */
export function createSigner(kid: string, alg: Algorithm, privateKey: JWK): Sign {
  const key = createPrivateKey({ key: privateKey as Record<string, string>, format: 'jwk' })
  return async (payload, typ) => {
    const input = `${encode({ alg, kid, typ })}.${encode(payload)}`
    await nextTurn()
    const signature = await SIGNATURES[alg](Buffer.from(input), key)
    return `${input}.${signature.toString('base64url')}`
  }
}

let turn: Promise<void> | undefined

/**
 * Those that wait in one turn of the event loop go on one after another, with nothing between them: a curve's tables are
 * then still in the processor's cache, where each signature by itself would fetch them again.
 */
function nextTurn(): Promise<void> {
  turn ??= setImmediate().then(() => {
    turn = undefined
  })
  return turn
}

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')

/** The two numbers of a DER signature side by side, 32 bytes each (RFC 7518 §3.4). */
function toJoseSignature(der: Buffer): Buffer {
  const middle = 4 + der[3]!
  const signature = Buffer.alloc(64)
  for (const [number, end] of [
    [der.subarray(4, middle), 32],
    [der.subarray(middle + 2), 64],
  ] as const) {
    // A leading zero keeps a number positive, and a small number is shorter.
    const digits = number.subarray(-32)
    signature.set(digits, end - digits.length)
  }
  return signature
}
