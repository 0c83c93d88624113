import type { DisplayNames } from '../../admin/display-names.ts'
import { checkAllAsync, invalid, undefinedIfNotFound } from '../../errors/errors.ts'
import type { Params } from '../../grants/grant.ts'
import { parseDay } from '../../http/time.ts'
import { isUuid } from '../../text/uuid.ts'
import type { BulkFilter } from '../../tokens/bulk.ts'
import { labelOf, type User } from '../../users/user.entity.ts'
import type { UserIds } from '../../users/user-ids.ts'
import type { Users } from '../../users/users.ts'
import { phrase } from '../phrase.ts'
import { texts } from '../texts.ts'

/** The filter fields of the token list and of the confirmation page. */
export const FIELDS = [
  'user',
  'client',
  'scope',
  'made_before',
  'unused_since',
  'never_used',
  'expires_before',
] as const

export interface TokenChoice {
  filter: BulkFilter
  /** A description of each condition, as HTML. */
  conditionsHtml: string[]
}

export interface ReadFilterOptions {
  users: Pick<Users, 'findOwner' | 'findByEmail'>
  userIds: Pick<UserIds, 'rowOf'>
  displayNames: DisplayNames
}

/** @throws 422 with every invalid field */
export type ReadFilter = (fields: Params) => Promise<TokenChoice>

const text = texts.manage.tokens.conditions

/** Creates the function that converts filter fields to a filter of the database query. */
export function createReadFilter({ users, userIds, displayNames }: ReadFilterOptions): ReadFilter {
  async function appOf(client: string | undefined) {
    const id = idFrom('client', client)
    if (id === undefined) return undefined
    const name = (await displayNames.clients([id])).get(id)
    if (name === undefined) throw invalid({ path: 'client', message: text.noClient })
    return { id, name }
  }

  return async ({ user, client, scope, made_before, unused_since, never_used, expires_before }) => {
    const { person, app, ...rest } = await checkAllAsync({
      person: () => userOf({ ...users, ...userIds }, user),
      app: () => appOf(client),
      createdBefore: async () => dayFrom('made_before', made_before),
      unusedSince: async () => dayFrom('unused_since', unused_since),
      neverUsed: async () => yesFrom('never_used', never_used),
      expiresBefore: async () => dayFrom('expires_before', expires_before),
    })
    const conditionsHtml = [
      person && phrase(text.user, { name: person.name, email: labelOf(person) }),
      app && phrase(text.client, { app: app.name }),
      scope === undefined ? undefined : phrase(text.scope, { scope }),
      rest.createdBefore && phrase(text.createdBefore, { day: made_before as string }),
      rest.unusedSince && phrase(text.unusedSince, { day: unused_since as string }),
      rest.neverUsed && phrase(text.neverUsed),
      rest.expiresBefore && phrase(text.expiresBefore, { day: expires_before as string }),
    ].filter(condition => condition !== undefined)
    return { filter: { userId: person?.id, clientId: app?.id, scope, ...rest }, conditionsHtml }
  }
}

/** @param given an e-mail address or an id @param path of the field @throws 422 */
export async function userOf(
  { findOwner, findByEmail, rowOf }: ReadFilterOptions['users'] & ReadFilterOptions['userIds'],
  given: string | undefined,
  path = 'user',
) {
  if (given === undefined) return undefined
  const known: User | undefined = isUuid(given) ? undefined : await findByEmail(given)
  const person = known ?? (await findOwner(await rowOf(given)).catch(undefinedIfNotFound))
  if (person) return person
  throw invalid({ path, message: text.noUser })
}

/** @throws 422 */
export function idFrom(field: string, given: string | undefined): string | undefined {
  if (given === undefined || isUuid(given)) return given
  throw invalid({ path: field, message: text.noId })
}

/** @returns midnight UTC at the start of the day @throws 422 */
export function dayFrom(field: string, given: string | undefined): Date | undefined {
  if (given === undefined) return undefined
  const day = parseDay(given)
  if (day) return day
  throw invalid({ path: field, message: text.noDay })
}

/** @throws 422 */
function yesFrom(field: string, given: string | undefined): true | undefined {
  if (given === undefined) return undefined
  if (given === 'yes') return true
  throw invalid({ path: field, message: text.noChoice })
}
