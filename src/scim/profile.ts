import { PosternError } from '../errors/errors.ts'
import { validateName } from '../text/name.ts'
import { normalizeEmail, validateEmail } from '../users/emails.ts'
import { skeletonOf } from '../users/look-alikes.ts'
import { scimError } from './errors.ts'
import type { Resource } from './values.ts'

/** What a user here gets from the attributes of a directory. */
export interface Profile {
  userName: string
  nameKey: string
  name: string
  /** undefined: the directory knows no address of the person. */
  email: string | undefined
}

const MAX_NAME = 255

/**
 * The key of a name: names with the same key are the same or look alike.
 * @throws 400 `invalidValue` for a name that is too long or contains invisible characters
 */
export function toNameKey(name: string): string {
  const key = skeletonOf(normalizeEmail(name))
  if (key.length > MAX_NAME) throw scimError('invalidValue', `A name has at most ${MAX_NAME} characters.`)
  return key
}

/**
 * Reads the profile of a user. The address is the primary one, else the one for work, else the first, else `userName` if that is
 * an address.
 * @throws 400 `invalidValue`
 */
export function toProfile(attributes: Resource): Profile {
  const { userName } = attributes as { userName?: string }
  if (userName === undefined) throw scimError('invalidValue', 'userName is required.')
  const checked = validated(() => validateName(userName, 'userName'))
  const email = emailOf(attributes) ?? (userName.includes('@') ? userName : undefined)
  return {
    userName: checked,
    nameKey: toNameKey(checked),
    name: validated(() => validateName(displayNameOf(attributes) ?? checked, 'displayName')),
    email: email === undefined ? undefined : validated(() => validateEmail(email)),
  }
}

interface Email {
  value?: string
  type?: string
  primary?: boolean
}

function emailOf({ emails = [] }: { emails?: Email[] }): string | undefined {
  const found =
    emails.find(({ primary }) => primary) ?? emails.find(({ type }) => type?.toLowerCase() === 'work') ?? emails[0]
  return found?.value
}

function displayNameOf({ displayName, name = {} }: Resource & { name?: Resource }): string | undefined {
  const parts = [name.givenName, name.familyName].filter(part => part !== undefined)
  const full = displayName ?? name.formatted ?? (parts.length > 0 ? parts.join(' ') : undefined)
  return full as string | undefined
}

/** The validation errors of other features as those of SCIM. */
export function validated<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof PosternError && error.status === 422) throw scimError('invalidValue', `${error.message}.`)
    throw error
  }
}
