import { defineEntity, p } from '@mikro-orm/postgresql'
import type { Status } from '../../packages/guard/src/status-bits.ts'

const StatusEventSchema = defineEntity({
  name: 'StatusEvent',
  tableName: 'oauth_status_events',
  properties: {
    /** Taken under a lock that is held to the commit: none commits behind one that was already read. */
    sequence: p.bigint('number').primary().autoincrement(),
    list: p.integer().fieldName('status_list'),
    index: p.integer().fieldName('status_index'),
    status: p.smallint().$type<Status>(),
    at: p.datetime().index(),
  },
})

/** A token's status became another one. */
export class StatusEvent extends StatusEventSchema.class {}
StatusEventSchema.setClass(StatusEvent)
