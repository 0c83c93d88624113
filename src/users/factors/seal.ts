import { deriveKey } from '../../config/app-key.ts'
import { decryptWith, encryptWith, fromBytes, toBytes } from '../../security/encrypt.ts'
import type { KeyRing } from '../../security/key-ring.ts'

/** Encrypts values that the browser keeps for the server, so that no node has to store them. */
export interface Seal<T extends object> {
  seal(value: T): Promise<string>
  /** @returns undefined for a text that is not ours, or is older than its lifetime */
  open(text: string | undefined): Promise<T | undefined>
}

/**
 * @param purpose separates the values from those of other purposes
 * @param seconds their lifetime
 */
export function createSeal<T extends object>(ring: KeyRing, purpose: string, seconds: number): Seal<T> {
  const keys = ring.derive(appKey => deriveKey(appKey, purpose))
  const read = async (text: string) => fromBytes<{ value: T; until: number }>((await decryptWith(keys, text)).plain)
  return {
    seal: value => encryptWith(keys, toBytes({ value, until: Date.now() + seconds * 1000 })),
    async open(text) {
      if (text === undefined) return undefined
      const sealed = await read(text).catch(() => undefined)
      return sealed && sealed.until > Date.now() ? sealed.value : undefined
    },
  }
}
