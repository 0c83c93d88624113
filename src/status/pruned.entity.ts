import { defineEntity, p } from '@mikro-orm/postgresql'

const PrunedStatusSchema = defineEntity({
  name: 'PrunedStatus',
  tableName: 'oauth_pruned_statuses',
  properties: {
    list: p.integer().primary().fieldName('status_list'),
    index: p.integer().primary().fieldName('status_index'),
    /** When the token expires: until then its signature still verifies. */
    expiresAt: p.datetime().index(),
  },
})

/** The status of a revoked token (1) whose row was pruned before it expired. */
export class PrunedStatus extends PrunedStatusSchema.class {}
PrunedStatusSchema.setClass(PrunedStatus)
