import { defineEntity, p } from '@mikro-orm/postgresql'
import type { Status } from '../../packages/guard/src/status-bits.ts'

const StatusEventSchema = defineEntity({
  name: 'StatusEvent',
  tableName: 'oauth_status_events',
  properties: {
    /** Assigned under a lock that is held until the commit, so that sequence numbers become visible in their order. */
    sequence: p.bigint('number').primary().autoincrement(),
    list: p.integer().fieldName('status_list'),
    index: p.integer().fieldName('status_index'),
    status: p.smallint().$type<Status>(),
    at: p.datetime().index(),
  },
})

/** A change of one token's status. */
export class StatusEvent extends StatusEventSchema.class {}
StatusEventSchema.setClass(StatusEvent)
