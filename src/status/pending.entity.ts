import { defineEntity, p } from '@mikro-orm/postgresql'

const PendingStatusesSchema = defineEntity({
  name: 'PendingStatuses',
  tableName: 'oauth_pending_statuses',
  properties: {
    id: p.uuid().primary(),
    kind: p.string().length(10).$type<'user' | 'client' | 'parent' | 'role'>(),
    /** The last token whose event has been written. */
    after: p.uuid(),
  },
})

/** A user, client or token whose tokens have changed status, but whose status events are not all written yet. */
export class PendingStatuses extends PendingStatusesSchema.class {}
PendingStatusesSchema.setClass(PendingStatuses)
