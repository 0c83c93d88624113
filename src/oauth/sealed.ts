import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { type Client, clientIdOf } from '../clients/client.entity.ts'
import { deriveKey } from '../config/app-key.ts'
import { newId } from '../database/ids.ts'
import { invalidRequest } from '../errors/protocol.ts'
import { decryptWith, encryptWith } from '../security/encrypt.ts'
import type { KeyRing } from '../security/key-ring.ts'

/** An authorization request that is its own `request_uri`. Times are in milliseconds since the epoch. */
export interface SealedRequest {
  id: string
  client: string
  parameters: Record<string, string>
  createdAt: number
  expiresAt: number
  oneTime: boolean
}

/**
 * Authorization requests of clients that nobody has consented to. They are encrypted into their `request_uri`, so that nothing is
 * stored for a client that anybody can make up.
 */
export interface SealedRequests {
  /**
   * @param seconds its lifetime
   * @returns the text, which begins with {@link SEALED_PREFIX}
   * @throws 400 `invalid_request` if it is too long for a URL that is passed through the sign-in page
   */
  seal(client: Client, parameters: Record<string, string>, seconds: number, oneTime: boolean): Promise<string>
  /** @returns undefined if it is not from this server, was changed or has expired */
  open(text: string): Promise<SealedRequest | undefined>
}

export const SEALED_PREFIX = 'sealed.'
/** The path of the sign-in page accepts 2,000 characters, which contain this and the `client_id`. */
const MAX_LENGTH = 1_800
const MAX_PLAIN_BYTES = 8_192

export function createSealedRequests(ring: KeyRing): SealedRequests {
  const keys = ring.derive(appKey => deriveKey(appKey, 'postern sealed authorization requests'))

  return {
    async seal(client, parameters, seconds, oneTime) {
      const createdAt = Date.now()
      const request: SealedRequest = {
        id: newId(),
        client: client.id,
        parameters,
        createdAt,
        expiresAt: createdAt + seconds * 1000,
        oneTime,
      }
      const plain = deflateRawSync(JSON.stringify(request))
      const text = SEALED_PREFIX + (await encryptWith(keys, plain))
      if (text.length + encodeURIComponent(clientIdOf(client)).length <= MAX_LENGTH) return text
      throw invalidRequest('The authorization request is too long for an app that nobody has authorized yet.')
    },

    async open(text) {
      try {
        const { plain: deflated } = await decryptWith(keys, text.slice(SEALED_PREFIX.length))
        const plain = inflateRawSync(deflated, { maxOutputLength: MAX_PLAIN_BYTES })
        const request: SealedRequest = JSON.parse(plain.toString())
        return request.expiresAt > Date.now() ? request : undefined
      } catch {
        return undefined
      }
    },
  }
}
