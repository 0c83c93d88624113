import { createSecretKey } from 'node:crypto'
import Tokens from '@fastify/csrf'
import { deriveKey } from '../config/app-key.ts'
import type { DerivedKey, KeyRing } from '../security/key-ring.ts'

/** CSRF tokens (signed double submit), which are bound to the session. */
export interface CsrfTokens {
  newSecret(): string
  create(secret: string, userInfo: string): string
  /** Whether a key of the ring made this token. */
  verify(secret: string, text: string, userInfo: string): boolean
}

export function createCsrfTokens(ring: KeyRing): CsrfTokens {
  const keys = ring.derive(appKey => deriveKey(appKey, 'postern forms'))
  // A key object: importing the bytes for each token costs several times as much as the token.
  const hmacKey = (key: Uint8Array) => createSecretKey(key) as unknown as Buffer
  const byKey = new Map(keys.all.map(({ id, key }) => [id, Tokens({ hmacKey: hmacKey(key), userInfo: true })]))
  const of = ({ id }: DerivedKey) => byKey.get(id) as Tokens.TokensUserinfo
  return {
    newSecret: () => of(keys.active).secretSync(),
    create: (secret, userInfo) => of(keys.active).create(secret, userInfo),
    verify: (secret, text, userInfo) => keys.all.some(key => of(key).verify(secret, text, userInfo)),
  }
}
