/** Lets one attempt at a time through, in a fair order of the addresses that they come from. */
export interface FairQueue {
  /**
   * Waits for a turn. Each source has one place, in use or waiting. Those with the fewest turns so far come first; where too
   * many wait, the one with the most turns is rejected.
   * @param source where the attempt comes from
   * @param turns how many turns the source has had
   * @returns a function that ends the turn
   * @throws what `refused` makes, if the source already has a place, or none is left for it
   */
  enter(source: string, turns: number): Promise<() => void>
  /** Whether an attempt has its turn. */
  readonly busy: boolean
}

interface Waiting {
  source: string
  turns: number
  proceed: () => void
  reject: (error: Error) => void
}

/**
 * The maximum number of waiting sources. It bounds how long one waits; a source that others keep waiting comes first the next
 * time, because it has had fewer turns.
 */
const MAX_WAITING = 4

/** @param refused makes the error for an attempt that gets no turn */
export function createFairQueue(refused: () => Error): FairQueue {
  let current: string | undefined
  const waiting: Waiting[] = []

  const endTurn = () => {
    const next = takeFirst(waiting)
    current = next?.source
    next?.proceed()
  }

  /** Makes a place for a source with fewer turns than the last one. @returns false: there is none */
  function makePlace(turns: number): boolean {
    if (waiting.length < MAX_WAITING) return true
    const last = waiting.reduce((one, other) => (other.turns >= one.turns ? other : one))
    if (last.turns <= turns) return false
    waiting.splice(waiting.indexOf(last), 1)
    last.reject(refused())
    return true
  }

  return {
    get busy() {
      return current !== undefined
    },
    async enter(source, turns) {
      if (current === undefined) current = source
      else if (current === source || waiting.some(each => each.source === source) || !makePlace(turns)) throw refused()
      else await new Promise<void>((proceed, reject) => waiting.push({ source, turns, proceed, reject }))
      return endTurn
    },
  }
}

/** Removes the one with the fewest turns; of several, the one that has waited longest. */
function takeFirst(waiting: Waiting[]): Waiting | undefined {
  if (waiting.length === 0) return undefined
  const first = waiting.reduce((one, other) => (other.turns < one.turns ? other : one))
  return waiting.splice(waiting.indexOf(first), 1)[0]
}
