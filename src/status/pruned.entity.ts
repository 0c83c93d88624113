import { defineEntity, p } from '@mikro-orm/postgresql'

const PrunedStatusSchema = defineEntity({
  name: 'PrunedStatus',
  tableName: 'oauth_pruned_statuses',
  properties: {
    list: p.integer().primary().fieldName('status_list'),
    index: p.integer().primary().fieldName('status_index'),
    /** When the token would have expired: until then its text still verifies. */
    expiresAt: p.datetime().index(),
  },
})

/** What stays of a revoked token whose row was pruned before it expired: that its status is 1. */
export class PrunedStatus extends PrunedStatusSchema.class {}
PrunedStatusSchema.setClass(PrunedStatus)
