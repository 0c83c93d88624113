import { Recent } from '../recent.ts'
import type { Token } from '../token.ts'
import type { Reference } from './lists.ts'

/** What the issuer said of a token when it was asked. */
export interface Answer {
  token: Token
  /** Seconds since the epoch. */
  expires: number
  reference: Reference
}

/** Answers of the issuer, each kept until something changes at the place of its token in the lists. */
export interface Answers {
  /** What was said of this text, if that may be so still. */
  recall(text: string): Answer | undefined
  keep(text: string, answer: Answer): void
  /** Something changed at this place. */
  changed(list: number, index: number): void
  /** Something may have changed anywhere. */
  clear(): void
}

interface Kept extends Answer {
  place: string
  /** Monotonic milliseconds. */
  until: number
}

/**
 * A node of the issuer that has just lost its feed answers as before for up to a second. What is asked so soon after a
 * change may come from it, and is good for a moment only.
 */
const UNSETTLED_MS = 2_000
const MOMENT_MS = 100

/** @param most answers */
export function createAnswers(most: number): Answers {
  const kept = new Recent<string, Kept>(most)
  /** Which text was asked about for a place, since that last changed: no other answer for it counts. */
  const texts = new Recent<string, string>(most)
  const changedAt = new Recent<string, number>(most)
  let clearedAt = performance.now()

  return {
    recall(text) {
      const answer = kept.get(text)
      return answer && texts.get(answer.place) === text && performance.now() <= answer.until ? answer : undefined
    },
    keep(text, answer) {
      const place = placeOf(answer.reference)
      const now = performance.now()
      const settled = now - Math.max(clearedAt, changedAt.get(place) ?? 0) > UNSETTLED_MS
      kept.set(text, { ...answer, place, until: settled ? Number.POSITIVE_INFINITY : now + MOMENT_MS })
      texts.set(place, text)
    },
    changed(list, index) {
      const place = `${list} ${index}`
      texts.delete(place)
      changedAt.set(place, performance.now())
    },
    clear() {
      kept.clear()
      clearedAt = performance.now()
    },
  }
}

/** As the feed names it. */
const placeOf = ({ uri, idx }: Reference) => `${uri.slice(uri.lastIndexOf('/') + 1)} ${idx}`
