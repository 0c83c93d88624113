import { defineEntity, p } from '@mikro-orm/postgresql'

const StatusListSchema = defineEntity({
  name: 'StatusList',
  tableName: 'oauth_status_lists',
  indexes: [{ name: 'oauth_status_lists_open_index', properties: ['expiresAt', 'id'] }],
  properties: {
    /** Short, since every token carries it. */
    id: p.integer().primary().autoincrement(),
    /** Statuses it has room for. */
    size: p.integer(),
    /** Positions that nodes have taken; each becomes an index by the list's permutation, and none is taken twice. */
    reserved: p.integer(),
    createdAt: p.datetime(),
    /** When the last of its tokens has expired: the end of a month. */
    expiresAt: p.datetime(),
  },
})

/** A status list (draft-ietf-oauth-status-list): where the statuses of many tokens stand. */
export class StatusList extends StatusListSchema.class {}
StatusListSchema.setClass(StatusList)
