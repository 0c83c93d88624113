import { defineEntity, p } from '@mikro-orm/postgresql'

const BlockedHostSchema = defineEntity({
  name: 'BlockedHost',
  tableName: 'oauth_blocked_hosts',
  properties: {
    /** In lower case, without a port: all its ports are blocked. */
    host: p.string().length(255).primary(),
    createdAt: p.datetime(),
  },
})

/** A host whose metadata documents name no clients, by decision of an administrator. */
export class BlockedHost extends BlockedHostSchema.class {}
BlockedHostSchema.setClass(BlockedHost)
