/** A token of the rig. Times are monotonic, in milliseconds. */
export interface RigToken {
  text: string
  /** Its status reference: list and index. */
  reference: string
  /** Its revocation was requested: until it is acknowledged, a guard may accept or reject it. */
  revocationSent: boolean
  revokedAt?: number
}

export interface Result {
  requests: number
  /** Responses with another status than 200 and 401: the guard could not verify the token. */
  unavailable: number
  failed: number
  /** The latest accepted request with a revoked token, in milliseconds after the acknowledgement. */
  latestAccepted: number
  /** The longest time in milliseconds that one guard rejected a valid token. */
  longestRejected: number
  /** Descriptions of responses that must not occur. */
  violations: string[]
}

/** Verifies each response of each guard: revocations are applied within the bound, and valid tokens are accepted. */
export function createVerifier() {
  let result: Result
  let boundOf: (token: RigToken) => number = () => 0
  let rejectedSince = new Map<string, number>()

  function begin(bound: number | typeof boundOf): void {
    boundOf = typeof bound === 'number' ? () => bound : bound
    rejectedSince = new Map()
    result = { requests: 0, unavailable: 0, failed: 0, latestAccepted: 0, longestRejected: 0, violations: [] }
  }

  function recordAccepted(guard: string, token: RigToken, sentAt: number): void {
    const { revokedAt, reference } = token
    const delay = revokedAt === undefined ? 0 : sentAt - revokedAt
    result.latestAccepted = Math.max(result.latestAccepted, delay)
    if (delay > boundOf(token))
      result.violations.push(`${guard} accepted ${reference} ${Math.round(delay)} ms after its revocation`)
  }

  function recordRejected(guard: string, token: RigToken, at: number): void {
    const { reference } = token
    const key = `${guard} ${reference}`
    const since = rejectedSince.get(key) ?? at
    rejectedSince.set(key, since)
    result.longestRejected = Math.max(result.longestRejected, at - since)
    if (at - since > boundOf(token))
      result.violations.push(`${guard} rejected the valid token ${reference} for ${Math.round(at - since)} ms`)
  }

  begin(0)
  return {
    /** Starts a new phase. @param bound in milliseconds, for all tokens or for each one */
    begin,
    record(guard: string, token: RigToken, status: number, sentAt: number): void {
      result.requests++
      if (status === 200) {
        rejectedSince.delete(`${guard} ${token.reference}`)
        recordAccepted(guard, token, sentAt)
      } else if (status === 401) {
        if (!token.revocationSent) recordRejected(guard, token, performance.now())
      } else result.unavailable++
    },
    recordFailure: () => void result.failed++,
    get result() {
      return result
    },
  }
}

export type Verifier = ReturnType<typeof createVerifier>
