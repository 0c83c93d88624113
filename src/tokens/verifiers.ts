import { createVerifier, type Verifier } from '../../packages/guard/src/verifier.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Keys } from '../keys/keys.ts'
import { toCacheEntry } from './authenticate.ts'
import { toInspectEntry } from './inspect.ts'

export interface Verifiers {
  /** For tokens that are used here: the audience is the deployment or the issuer. */
  own: Verifier<ReturnType<typeof toCacheEntry>>
  /** For introspection and exchange: any audience. */
  any: Verifier<ReturnType<typeof toInspectEntry>>
}

export interface VerifiersOptions {
  bus: InvalidationBus
  keys: Keys
  config: Pick<Config, 'issuer' | 'issuerPrevious' | 'audience' | 'cachedTokens'>
}

/** Both verifiers of the server. They forget every verified text when the signing keys change. */
export function createVerifiers({ bus, keys, config }: VerifiersOptions): Verifiers {
  const { issuer: current, issuerPrevious, audience, cachedTokens: cacheSize } = config
  const key = keys.verificationKey
  const issuer = [current, ...issuerPrevious]
  const own = createVerifier({ key, issuer, audience: [audience, ...issuer], toEntry: toCacheEntry, cacheSize })
  // A token of a previous issuer that names no resource is accepted where today's tokens without a resource are.
  const toEntry: typeof toInspectEntry = token =>
    toInspectEntry(
      issuerPrevious.includes(String(token.payload.aud))
        ? { ...token, payload: { ...token.payload, aud: audience } }
        : token,
    )
  const any = createVerifier({ key, issuer, audience: null, toEntry, cacheSize: cacheSize / 2 })

  const clear = () => [own, any].forEach(verifier => void verifier.clear())
  bus.subscribe(({ kind }) => {
    if (kind === 'keys' || kind === 'everything') clear()
  })
  // Once more after the keys were loaded: a text may have been verified meanwhile with a key that is gone.
  keys.observe(clear)
  return { own, any }
}
