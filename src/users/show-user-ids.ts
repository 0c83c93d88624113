import { isDerivedId } from '../text/derived-id.ts'
import type { UserIds } from './user-ids.ts'

type Item = { user_id?: unknown }

/**
 * A `preSerialization` hook: responses with the owner of something name users as tokens do, not by their row.
 * @example app.addHook('preSerialization', showUserIds(userIds))
 */
export const showUserIds =
  (userIds: UserIds) =>
  (_request: unknown, _reply: unknown, payload: unknown, done: (error: Error | null, payload?: unknown) => void) => {
    const { data } = (payload ?? {}) as { data?: Item | Item[] }
    const items = (Array.isArray(data) ? data : [data]).filter(isOwned)
    if (items.length === 0) return done(null, payload)
    userIds.shown(items.map(({ user_id }) => user_id)).then(shown => {
      for (const item of items) Object.assign(item, { user_id: shown(item.user_id) })
      done(null, payload)
    }, done)
  }

const isOwned = (item: Item | undefined): item is { user_id: string } =>
  typeof item?.user_id === 'string' && isDerivedId(item.user_id)
