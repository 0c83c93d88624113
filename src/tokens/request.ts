import { invalid } from '../errors/errors.ts'
import { parseOptionalDateTime } from '../http/time.ts'
import { validateName } from '../text/name.ts'
import type { IssueForUserBody } from './schemas.ts'
import type { NewToken } from './tokens.ts'

/** What the body of a request asks for, whoever it is for. */
export function newToken(body: IssueForUserBody): Omit<NewToken, 'user'> {
  const { name, device_name, scopes, expires_in, expires_at, format, resources } = body
  if (name !== undefined && device_name !== undefined && name !== device_name) {
    throw invalid({ path: 'device_name', message: 'is the same thing as name: send one of them' })
  }
  const given = name ?? device_name
  if (given === undefined) throw invalid({ path: 'name', message: 'is required' })
  const chosen = validateName(given, name === undefined ? 'device_name' : 'name')
  return { name: chosen, scopes, format, resources, expiresAt: expiry(expires_in, expires_at) }
}

function expiry(seconds: number | undefined, at: string | undefined): Date | undefined {
  if (seconds !== undefined && at !== undefined) {
    throw invalid({ path: 'expires_at', message: 'and expires_in say the same thing: send one of them' })
  }
  if (seconds !== undefined) return new Date(Date.now() + seconds * 1000)
  return parseOptionalDateTime('expires_at', at)
}
