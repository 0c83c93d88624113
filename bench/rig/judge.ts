/** A token of the rig, and what became of it. Times are monotonic, in milliseconds. */
export interface RigToken {
  text: string
  /** List and index of its status. */
  place: string
  /** Somebody asked for its revocation: from now on either answer may be right, until it is acknowledged. */
  asked: boolean
  revokedAt?: number
}

export interface Verdict {
  requests: number
  /** Answers that were neither yes nor no: nobody could say. */
  unavailable: number
  failed: number
  /** Milliseconds after the acknowledgement at which the latest accepted request with a revoked token was sent. */
  latestAccepted: number
  /** The longest that one good token was refused by one guard. */
  longestRefused: number
  /** What must not be, in words. */
  violations: string[]
}

/** Judges each answer of each guard: what was acknowledged is obeyed within the bound, and nobody good is shut out. */
export function createJudge() {
  let verdict: Verdict
  let bound = 0
  let refusedSince = new Map<string, number>()

  function begin(milliseconds: number): void {
    bound = milliseconds
    refusedSince = new Map()
    verdict = { requests: 0, unavailable: 0, failed: 0, latestAccepted: 0, longestRefused: 0, violations: [] }
  }

  function accepted(guard: string, { revokedAt, place }: RigToken, sentAt: number): void {
    const late = revokedAt === undefined ? 0 : sentAt - revokedAt
    verdict.latestAccepted = Math.max(verdict.latestAccepted, late)
    if (late > bound) verdict.violations.push(`${guard} accepted ${place} ${Math.round(late)} ms after its revocation`)
  }

  function refused(guard: string, { place }: RigToken, at: number): void {
    const key = `${guard} ${place}`
    const since = refusedSince.get(key) ?? at
    refusedSince.set(key, since)
    verdict.longestRefused = Math.max(verdict.longestRefused, at - since)
    if (at - since > bound)
      verdict.violations.push(`${guard} refused the good ${place} for ${Math.round(at - since)} ms`)
  }

  begin(0)
  return {
    /** A new phase. @param milliseconds the bound that holds in it */
    begin,
    answered(guard: string, token: RigToken, status: number, sentAt: number): void {
      verdict.requests++
      if (status === 200) {
        refusedSince.delete(`${guard} ${token.place}`)
        accepted(guard, token, sentAt)
      } else if (status === 401) {
        if (!token.asked) refused(guard, token, performance.now())
      } else verdict.unavailable++
    },
    failed: () => void verdict.failed++,
    get verdict() {
      return verdict
    },
  }
}

export type Judge = ReturnType<typeof createJudge>
