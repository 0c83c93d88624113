import { defineEntity, p } from '@mikro-orm/postgresql'
import { ScimGroup } from './group.entity.ts'
import { ScimUser } from './user.entity.ts'

const ScimMemberSchema = defineEntity({
  name: 'ScimMember',
  tableName: 'scim_members',
  properties: {
    group: () => p.manyToOne(ScimGroup).mapToPk().primary().fieldName('group_id').deleteRule('cascade'),
    user: () => p.manyToOne(ScimUser).mapToPk().primary().fieldName('user_id').deleteRule('cascade').index(),
  },
})

/** The membership of a user in a group. */
export class ScimMember extends ScimMemberSchema.class {}
ScimMemberSchema.setClass(ScimMember)
