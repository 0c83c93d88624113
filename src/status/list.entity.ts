import { defineEntity, p } from '@mikro-orm/postgresql'

const StatusListSchema = defineEntity({
  name: 'StatusList',
  tableName: 'oauth_status_lists',
  indexes: [{ name: 'oauth_status_lists_open_index', properties: ['expiresAt', 'id'] }],
  properties: {
    /** A short number, since every token contains it. */
    id: p.integer().primary().autoincrement(),
    /** Capacity: number of statuses. */
    size: p.integer(),
    /** Number of positions that nodes have reserved, each once. The list's permutation maps a position to an index. */
    reserved: p.integer(),
    /** The key of the permutation, encrypted with `APP_KEY`; null: it is derived from `APP_KEY`, as in earlier versions. */
    permutationKey: p.text().nullable().strictNullable().hidden(),
    createdAt: p.datetime(),
    /** When the last of its tokens has expired: at the end of a month. */
    expiresAt: p.datetime(),
  },
})

/** A status list (draft-ietf-oauth-status-list), which contains the statuses of many tokens. */
export class StatusList extends StatusListSchema.class {}
StatusListSchema.setClass(StatusList)
