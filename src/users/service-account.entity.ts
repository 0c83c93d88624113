import { defineEntity, p } from '@mikro-orm/postgresql'
import { User } from './user.entity.ts'

const ServiceAccountSchema = defineEntity({
  name: 'ServiceAccount',
  tableName: 'service_accounts',
  properties: {
    /** Its row in `users`, which has its name, its role, its allowed scopes, and whether it is disabled. */
    id: () => p.manyToOne(User).mapToPk().primary().fieldName('user_id').deleteRule('cascade'),
    /** What it is for. */
    description: p.string().length(1_000),
  },
})

/** What a service account has that a person does not have. */
export class ServiceAccount extends ServiceAccountSchema.class {}
ServiceAccountSchema.setClass(ServiceAccount)
