import type { DisplayNames } from '../../admin/display-names.ts'
import { badRequest, type PosternError } from '../../errors/errors.ts'
import type { Params } from '../../grants/grant.ts'
import { parseDay } from '../../http/time.ts'
import { isUuid } from '../../text/uuid.ts'
import type { BulkFilter } from '../../tokens/bulk.ts'
import type { User } from '../../users/user.entity.ts'
import type { Users } from '../../users/users.ts'
import { phrase } from '../phrase.ts'
import { texts } from '../texts.ts'

/** The filter fields of the token list and of the confirmation page. */
export const FIELDS = ['user', 'client', 'scope', 'made_before', 'unused_since'] as const

export interface TokenChoice {
  filter: BulkFilter
  /** A description of each condition, as HTML. */
  conditionsHtml: string[]
}

export interface ReadFilterOptions {
  users: Pick<Users, 'find' | 'findByEmail'>
  displayNames: DisplayNames
}

/** @throws 400 that names the invalid field */
export type ReadFilter = (fields: Params) => Promise<TokenChoice>

const text = texts.manage.tokens.conditions

/** Creates the function that converts filter fields to a filter of the database query. */
export function createReadFilter({ users, displayNames }: ReadFilterOptions): ReadFilter {
  return async ({ user, client, scope, made_before, unused_since }) => {
    const person = await userOf(users, user)
    const clientId = idFrom('client', client)
    const app = clientId && (await displayNames.clients([clientId])).get(clientId)
    if (clientId && app === undefined) throw badRequest(text.noClient)
    const madeBefore = dayFrom('made_before', made_before)
    const unusedSince = dayFrom('unused_since', unused_since)
    const conditionsHtml = [
      person && phrase(text.user, { name: person.name, email: person.email }),
      app && phrase(text.client, { app }),
      scope && phrase(text.scope, { scope }),
      madeBefore && phrase(text.madeBefore, { day: made_before as string }),
      unusedSince && phrase(text.unusedSince, { day: unused_since as string }),
    ].filter(condition => condition !== undefined)
    return { filter: { userId: person?.id, clientId, scope, madeBefore, unusedSince }, conditionsHtml }
  }
}

/** @param text an e-mail address or an id @throws 400 */
export async function userOf({ find, findByEmail }: ReadFilterOptions['users'], given: string | undefined) {
  if (given === undefined) return undefined
  const person: User | undefined = isUuid(given)
    ? await find(given).catch(undefinedIfNotFound)
    : await findByEmail(given)
  if (person) return person
  throw badRequest(text.noUser)
}

/** Only a 404 means that there is no such user. */
function undefinedIfNotFound(error: PosternError): undefined {
  if (error.status !== 404) throw error
}

/** @throws 400 */
export function idFrom(field: string, given: string | undefined): string | undefined {
  if (given === undefined || isUuid(given)) return given
  throw badRequest(`${field}: ${text.noId}`)
}

/** @returns midnight UTC at the start of the day @throws 400 */
export function dayFrom(field: string, given: string | undefined): Date | undefined {
  if (given === undefined) return undefined
  const day = parseDay(given)
  if (day) return day
  throw badRequest(`${field}: ${text.noDay}`)
}
