import { hkdfSync } from 'node:crypto'

/**
 * `APP_KEY` and those before it. One of them is active: everything new is encrypted and derived with it. Which one, the
 * database says, so that all nodes write what all others can read while the key is changed (docs/adr/0077).
 */
export interface KeyRing {
  readonly active: AppKey
  /** All keys, the active one first. */
  readonly all: readonly [AppKey, ...AppKey[]]
  /** Makes a key active. @returns false: the ring does not have it, and nothing changed */
  activate(id: string): boolean
  /**
   * Derives a key for one use from each `APP_KEY`.
   * @param from a pure function, whose results are cached
   */
  derive(from: (appKey: string) => Uint8Array): RingKeys
}

export interface AppKey {
  /** Identifies the key without revealing it. */
  id: string
  /** The bytes in padded base64. */
  text: string
}

/** The keys of one use, by `APP_KEY`. */
export interface RingKeys {
  readonly active: DerivedKey
  /** The active one first. */
  readonly all: readonly [DerivedKey, ...DerivedKey[]]
}

export interface DerivedKey {
  /** The id of the `APP_KEY`. */
  id: string
  key: Uint8Array
}

/** The id of an `APP_KEY`: 12 characters, by HKDF (RFC 5869). */
export const appKeyId = (appKey: string): string =>
  Buffer.from(hkdfSync('sha256', Buffer.from(appKey, 'base64'), '', 'postern key id', 9)).toString('base64url')

/**
 * @param appKey `APP_KEY`, which is active until another one is activated
 * @param previous `APP_KEY_PREVIOUS`
 * @example
 * const ring = createKeyRing(config.appKey, config.appKeyPrevious)
 */
export function createKeyRing(appKey: string, previous: readonly string[] = []): KeyRing {
  const [configured, ...others] = [...new Set([appKey, ...previous])].map(text => ({ id: appKeyId(text), text }))
  let all: readonly [AppKey, ...AppKey[]] = [configured as AppKey, ...others]

  return {
    get active() {
      return all[0]
    },
    get all() {
      return all
    },
    activate(id) {
      const active = all.find(key => key.id === id)
      if (active) all = [active, ...all.filter(key => key !== active)]
      return active !== undefined
    },
    derive(from) {
      const derived = new Map(all.map(({ id, text }) => [id, { id, key: from(text) }]))
      const of = ({ id }: AppKey) => derived.get(id) as DerivedKey
      return {
        get active() {
          return of(all[0])
        },
        get all() {
          const [active, ...rest] = all
          return [of(active), ...rest.map(of)] as const
        },
      }
    },
  }
}
