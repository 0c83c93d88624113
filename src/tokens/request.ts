import { invalid } from '../errors/errors.ts'
import { parseOptionalDateTime } from '../http/time.ts'
import { validateName } from '../text/name.ts'
import type { IssueForUserBody } from './schemas.ts'
import type { NewToken } from './tokens.ts'

/** The token that a request body describes, without its user. */
export function newToken(body: IssueForUserBody): Omit<NewToken, 'user'> {
  const { name, device_name, scopes, expires_in, expires_at, format, resources } = body
  if (name !== undefined && device_name !== undefined && name !== device_name) {
    throw invalid({ path: 'device_name', message: 'is an alias of name: send only one of them' })
  }
  const rawName = name ?? device_name
  if (rawName === undefined) throw invalid({ path: 'name', message: 'is required' })
  const validName = validateName(rawName, name === undefined ? 'device_name' : 'name')
  return { name: validName, scopes, format, resources, expiresAt: expiry(expires_in, expires_at) }
}

function expiry(seconds: number | undefined, at: string | undefined): Date | undefined {
  if (seconds !== undefined && at !== undefined) {
    throw invalid({ path: 'expires_at', message: 'cannot be combined with expires_in: send only one of them' })
  }
  if (seconds !== undefined) return new Date(Date.now() + seconds * 1000)
  return parseOptionalDateTime('expires_at', at)
}
