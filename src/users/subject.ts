import { invalid, PosternError } from '../errors/errors.ts'
import { derivedId } from '../text/derived-id.ts'

/** In UTF-16 code units, as the column counts at most. */
export const MAX_SUBJECT_LENGTH = 255

/**
 * Checks the id that an application gives one of its users. It becomes `sub`, so it is used exactly as given: upper and lower
 * case, and the Unicode normal forms, are different ids (RFC 7519 §2, StringOrURI).
 * @throws 422 unless it has 1 to 255 characters, none of them invisible, no blank at either end, and is neither `.` nor `..`,
 * which no URL can contain
 * @example validateSubject(String(row.id))
 */
export function validateSubject(subject: unknown, path = 'user'): string {
  const problem = problemOf(subject)
  if (problem) throw invalid({ path, message: problem })
  return subject as string
}

function problemOf(subject: unknown): string | undefined {
  if (typeof subject !== 'string') return 'must be a string: the id of the user in the application'
  if (subject.length === 0 || subject.length > MAX_SUBJECT_LENGTH)
    return `must have 1 to ${MAX_SUBJECT_LENGTH} characters`
  if (/[\p{C}\p{Zl}\p{Zp}]/u.test(subject)) return 'must not contain invisible characters'
  if (subject !== subject.trim()) return 'must not begin or end with a blank'
  return subject === '.' || subject === '..' ? 'must not be . or .., which no URL can contain' : undefined
}

/** The id of the row of an application's user, derived from the id there. All nodes derive the same one. */
export const rowIdOf = (subject: string): string => derivedId(`postern user ${subject}`)

/** @returns the error for an id of the application that names a client, or a user who is known here by it */
export const subjectTaken = (cause?: unknown): PosternError =>
  new PosternError({
    status: 409,
    code: 'conflict',
    detail:
      'This id names an app or a user of this server already, so tokens cannot name a user of the application by it.',
    cause,
  })
