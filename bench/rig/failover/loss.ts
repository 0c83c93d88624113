import type { Losses } from './audit.ts'

/** A change that happened this much earlier than the lag says is there: the lag is a sample. */
const MARGIN_MS = 1_000

/** How much may be lost: the changes before the failure that the standby had not received. */
export interface Bound {
  /** When the primary went, monotonic, in milliseconds. */
  struckAt: number
  /** When its successor came. What a node acknowledged in between, it had heard from the one that went. */
  promotingAt: number
  /** Milliseconds that the standby was behind, as the primary showed it; undefined: the standby is synchronous. */
  lagMs: number | undefined
}

/** @returns one line for those who read the run */
export function describeLosses({ issues, revocations }: Losses, { struckAt, lagMs }: Bound): string {
  const times = acknowledgedAt({ issues, revocations })
  const count = `lost: ${issues.length} issues, ${revocations.length} revocations`
  if (times.length === 0) return count
  const before = (at: number) => (struckAt - at).toFixed(0)
  const span = `acknowledged ${before(Math.min(...times))} to ${before(Math.max(...times))} ms before the failure`
  return `${count}, ${span}${lagMs === undefined ? '' : `; the standby was ${lagMs.toFixed(0)} ms behind`}`
}

/** @returns the losses that were promised not to occur */
export function beyond(losses: Losses, { struckAt, promotingAt, lagMs }: Bound): string[] {
  const since = lagMs === undefined ? Number.POSITIVE_INFINITY : struckAt - lagMs - MARGIN_MS
  const isBeyond = (at: number) => at < since || at > promotingAt
  const { issues, revocations } = losses
  return [
    ...issues.filter(({ issuedAt }) => isBeyond(issuedAt)).map(() => 'an acknowledged issue is missing'),
    ...revocations
      .filter(({ revokedAt = 0 }) => isBeyond(revokedAt))
      .map(() => 'an acknowledged revocation is accepted'),
  ]
}

const acknowledgedAt = ({ issues, revocations }: Losses) => [
  ...issues.map(({ issuedAt }) => issuedAt),
  ...revocations.map(({ revokedAt = 0 }) => revokedAt),
]
