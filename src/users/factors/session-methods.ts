import type { Em } from '../../database/database.ts'

/** Notes how the user of a session has shown who they are. */
export const addMethod = (em: Em, session: string, method: string): Promise<unknown> =>
  em.execute(
    `update sessions set methods = concat_ws(' ', methods, ?::text) where id = ?
     and not (coalesce(methods, '') ~ ('(^| )' || ?::text || '( |$)'))`,
    [method, session, method],
  )
