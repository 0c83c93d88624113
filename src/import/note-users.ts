import type { Em } from '../database/database.ts'
import type { User } from '../users/user.entity.ts'
import type { ImportContext } from './context.ts'
import type { UserDraft } from './drafts.ts'
import { noteImported } from './lookup.ts'

export type Found = Pick<User, 'id'>

/** Our user, or why there is none. */
export interface Outcome {
  draft: UserDraft
  user: Found | string
}

/** It would get the tokens of the other one. */
export const TAKEN = 'another user of the source is the same user here'

/** Notes who became which user of ours. Nobody becomes one who another user of the source became. */
export async function noteUsers(context: ImportContext, em: Em, outcomes: readonly Outcome[]): Promise<Outcome[]> {
  const found = outcomes.map(({ user }) => user).filter(user => typeof user !== 'string')
  const taken = await findTaken(context, em, found)
  const ids = new Map<string, string>()
  const noted = outcomes.map(({ draft, user }): Outcome => {
    if (typeof user === 'string') return { draft, user }
    if (taken.has(user.id)) return { draft, user: TAKEN }
    taken.add(user.id)
    ids.set(draft.ref, user.id)
    return { draft, user }
  })
  await noteImported(em, context.source, 'user', ids)
  return noted
}

/** Those of these users of ours that a user of the source became before. */
async function findTaken({ services, source }: ImportContext, em: Em, users: readonly Found[]): Promise<Set<string>> {
  const taken = `select row_id from oauth_imported_rows
    where kind = 'user' and source = ? and row_id in (select id::uuid from jsonb_array_elements_text(?::jsonb) asked (id))`
  const ids = JSON.stringify(users.map(({ id }) => id))
  const rows = await services.db.query<{ row_id: string }>(taken, [source, ids], em)
  return new Set(rows.map(row => row.row_id))
}
