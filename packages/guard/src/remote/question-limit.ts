/** Limits introspection of texts that anybody can invent, so that a flood of them causes little load on the issuer. */
export interface QuestionLimit {
  /** @returns false if the text must not be introspected now; otherwise the caller calls `leave` afterwards */
  enter(): boolean
  leave(): void
  /** The issuer did not know the text. */
  noteRefusal(): void
}

const MAX_PENDING = 64
const WINDOW_MS = 1_000
const MAX_REFUSALS = 200

/** Texts that the issuer has confirmed are not counted. */
export function createQuestionLimit(now: () => number = () => performance.now()): QuestionLimit {
  let pending = 0
  let refusals = 0
  let windowEnd = 0

  function startWindow(): void {
    if (now() < windowEnd) return
    windowEnd = now() + WINDOW_MS
    refusals = 0
  }

  return {
    enter() {
      startWindow()
      if (pending >= MAX_PENDING || refusals >= MAX_REFUSALS) return false
      pending++
      return true
    },
    leave: () => void pending--,
    noteRefusal() {
      startWindow()
      refusals++
    },
  }
}
