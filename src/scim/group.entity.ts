import { defineEntity, p } from '@mikro-orm/postgresql'

const ScimGroupSchema = defineEntity({
  name: 'ScimGroup',
  tableName: 'scim_groups',
  properties: {
    id: p.uuid().primary(),
    displayName: p.string().length(255),
    /** `toNameKey` of the name. */
    nameKey: p.string().length(255).unique(),
    externalId: p.string().length(255).nullable().strictNullable().unique(),
    /** Part of the ETag. */
    version: p.integer(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
})

/** A group of a directory. */
export class ScimGroup extends ScimGroupSchema.class {}
ScimGroupSchema.setClass(ScimGroup)
