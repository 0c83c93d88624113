import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { JWK } from 'jose'
import type { Algorithm } from '../config/config.ts'

/** Signs a JWT. @param typ the `typ` header, which states the kind of JWT (RFC 8725 §3.11) */
export type Sign = (payload: object, typ: string) => Promise<string>

type Signature = (data: Buffer, key: KeyObject) => Buffer | Promise<Buffer>

/**
 * RFC 7518 §3, RFC 8037 §3. Elliptic-curve signatures are computed synchronously: WebCrypto takes three times as long,
 * since it uses another thread and converts the signature. RSA signatures are slow, so they run on another thread.
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
 * @param kid the id of the key, which is set in every header
 * @param privateKey as a JWK
 */
export function createSigner(kid: string, alg: Algorithm, privateKey: JWK): Sign {
  const key = createPrivateKey({ key: privateKey as Record<string, string>, format: 'jwk' })
  return async (payload, typ) => {
    // `kid` comes first, so that all JWTs of a deployment begin with the same text (docs/adr/0056-recognisable-jwts.md).
    const input = `${encode({ kid, alg, typ })}.${encode(payload)}`
    await nextTurn()
    const signature = await SIGNATURES[alg](Buffer.from(input), key)
    return `${input}.${signature.toString('base64url')}`
  }
}

let turn: Promise<void> | undefined

/**
 * Defers signatures to the next turn of the event loop, so that they run one after another without other work in between:
 * the tables of the curve then stay in the CPU cache.
 */
function nextTurn(): Promise<void> {
  turn ??= setImmediate().then(() => {
    turn = undefined
  })
  return turn
}

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')

/** Converts a DER signature to the JOSE format: the two numbers concatenated, 32 bytes each (RFC 7518 §3.4). */
function toJoseSignature(der: Buffer): Buffer {
  const middle = 4 + der[3]!
  const signature = Buffer.alloc(64)
  for (const [number, end] of [
    [der.subarray(4, middle), 32],
    [der.subarray(middle + 2), 64],
  ] as const) {
    // In DER, a leading zero byte marks a positive number, and a small number has fewer bytes.
    const digits = number.subarray(-32)
    signature.set(digits, end - digits.length)
  }
  return signature
}
