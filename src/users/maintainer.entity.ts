import { defineEntity, p } from '@mikro-orm/postgresql'
import { User } from './user.entity.ts'

const MaintainerSchema = defineEntity({
  name: 'Maintainer',
  tableName: 'service_account_maintainers',
  properties: {
    account: () => p.manyToOne(User).mapToPk().primary().fieldName('account_id').deleteRule('cascade').index(false),
    user: () =>
      p
        .manyToOne(User)
        .mapToPk()
        .primary()
        .fieldName('user_id')
        .deleteRule('cascade')
        .index('service_account_maintainers_user_index'),
    createdAt: p.datetime(),
  },
})

/** A person who looks after a service account. */
export class Maintainer extends MaintainerSchema.class {}
MaintainerSchema.setClass(Maintainer)
