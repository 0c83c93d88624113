import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isoCBOR } from '@simplewebauthn/server/helpers'

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest()
const text64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const USER_PRESENT = 1
const USER_VERIFIED = 4
const CREDENTIAL_INCLUDED = 64

export interface Behaviour {
  origin?: string
  rpId?: string
  /** Whether the user's PIN or finger was checked. */
  verified?: boolean
  counter?: number
  challenge?: string
  /** The attestation in place of none. */
  attestation?: { fmt: string; attStmt: Map<string, unknown> }
}

/** A passkey in software, as a browser and an authenticator together behave (WebAuthn Level 3 §6). */
export class Authenticator {
  readonly id: Buffer
  readonly #keys: { publicKey: KeyObject; privateKey: KeyObject }
  counter: number

  constructor({ counter = 0, copyOf }: { counter?: number; copyOf?: Authenticator } = {}) {
    this.id = copyOf?.id ?? randomBytes(32)
    this.#keys = copyOf ? copyOf.#keys : generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.counter = copyOf?.counter ?? counter
  }

  /** Creates the credential. @param json of the options @returns JSON of the PublicKeyCredential */
  create(json: string, behaviour: Behaviour = {}): string {
    const { challenge, rp } = JSON.parse(json) as { challenge: string; rp: { id: string } }
    const { x, y } = this.#keys.publicKey.export({ format: 'jwk' })
    const key = new Map<number, unknown>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, new Uint8Array(Buffer.from(x as string, 'base64url'))],
      [-3, new Uint8Array(Buffer.from(y as string, 'base64url'))],
    ])
    const length = Buffer.alloc(2)
    length.writeUInt16BE(this.id.length)
    const credential = Buffer.concat([Buffer.alloc(16), length, this.id, isoCBOR.encode(key as never)])
    const authData = this.#authData({ rpId: rp.id, ...behaviour }, CREDENTIAL_INCLUDED, credential)
    const { fmt = 'none', attStmt = new Map() } = behaviour.attestation ?? {}
    const attestation = new Map<string, unknown>([
      ['fmt', fmt],
      ['attStmt', attStmt],
      ['authData', new Uint8Array(authData)],
    ])
    return this.#credential({
      clientDataJSON: text64(clientData('webauthn.create', { challenge, ...behaviour })),
      attestationObject: text64(isoCBOR.encode(attestation as never)),
      transports: ['internal'],
    })
  }

  /** Uses the credential. @param json of the options @returns JSON of the PublicKeyCredential */
  get(json: string, behaviour: Behaviour = {}): string {
    const { challenge, rpId } = JSON.parse(json) as { challenge: string; rpId: string }
    const data = clientData('webauthn.get', { challenge, ...behaviour })
    const authData = this.#authData({ rpId, ...behaviour })
    const signature = sign('sha256', Buffer.concat([authData, sha256(data)]), this.#keys.privateKey)
    return this.#credential({
      clientDataJSON: text64(data),
      authenticatorData: text64(authData),
      signature: text64(signature),
    })
  }

  #authData({ rpId = '', verified = true, counter }: Behaviour, more = 0, extra = Buffer.alloc(0)): Buffer {
    const count = Buffer.alloc(4)
    if (counter === undefined && this.counter > 0 && more === 0) this.counter++
    count.writeUInt32BE(counter ?? this.counter)
    const flags = USER_PRESENT | (verified ? USER_VERIFIED : 0) | more
    return Buffer.concat([sha256(rpId), Buffer.from([flags]), count, extra])
  }

  #credential(response: object): string {
    const id = text64(this.id)
    return JSON.stringify({ id, rawId: id, type: 'public-key', response, clientExtensionResults: {} })
  }
}

const clientData = (type: string, { challenge, origin = 'http://localhost:3000' }: Behaviour): Buffer =>
  Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false }))
