import type { SigningKey } from './key.entity.ts'

/** Seconds for which a cache may keep the JWK Set: its `max-age` (RFC 9111 §5.2.2.1). */
export const JWKS_MAX_AGE = 300
/** Milliseconds for which a node that receives no changes may serve the JWK Set from memory. */
export const JWKS_MEMORY_MS = 240_000
/** Milliseconds that the clocks of two nodes may differ. */
const MAX_CLOCK_DIFFERENCE_MS = 60_000

/**
 * Milliseconds from the publication of a key until it may sign: the oldest copy of the JWK Set without it, from a node's
 * memory and then from a cache, has expired by then.
 */
export const PUBLISH_MS = JWKS_MAX_AGE * 1000 + JWKS_MEMORY_MS + MAX_CLOCK_DIFFERENCE_MS

/** A `next` key with `activatedAt` waits for that time. Once it has come, each node signs with it, whatever is stored. */
export const isDue = ({ state, activatedAt }: Pick<SigningKey, 'state' | 'activatedAt'>, now = Date.now()): boolean =>
  state === 'next' && !!activatedAt && activatedAt.getTime() <= now

/** From when a key signs or signed. null: no rotation has scheduled it yet, or another key replaced it before. */
export const signsFrom = ({ activatedAt, retiredAt }: SigningKey): Date | null =>
  activatedAt && !(retiredAt && activatedAt > retiredAt) ? activatedAt : null
