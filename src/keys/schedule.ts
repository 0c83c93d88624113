import type { SigningKey } from './key.entity.ts'

/** Seconds for which a cache may keep the JWK Set: its `max-age` (RFC 9111 §5.2.2.1). */
export const JWKS_MAX_AGE = 300
/** Milliseconds for which a node that receives no changes may serve the JWK Set from memory. */
export const JWKS_MEMORY_MS = 240_000
/** Milliseconds that the clocks of two nodes may differ. */
const MAX_CLOCK_DIFFERENCE_MS = 60_000

/**
 * Milliseconds from the publication of a key until it may sign. By then, every copy of the JWK Set without the key has
 * expired, even one that a node served from memory and a cache then stored.
 */
export const PUBLISH_MS = JWKS_MAX_AGE * 1000 + JWKS_MEMORY_MS + MAX_CLOCK_DIFFERENCE_MS

/** Whether a scheduled `next` key has reached its `activatedAt`. From then on, each node signs with it. */
export const isDue = ({ state, activatedAt }: Pick<SigningKey, 'state' | 'activatedAt'>, now = Date.now()): boolean =>
  state === 'next' && !!activatedAt && activatedAt.getTime() <= now

/** When a key starts or started signing; null: it is not scheduled, or was replaced before that time. */
export const signsFrom = ({ activatedAt, retiredAt }: SigningKey): Date | null =>
  activatedAt && !(retiredAt && activatedAt > retiredAt) ? activatedAt : null
