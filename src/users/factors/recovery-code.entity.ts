import { defineEntity, p } from '@mikro-orm/postgresql'
import { User } from '../user.entity.ts'

const RecoveryCodeSchema = defineEntity({
  name: 'RecoveryCode',
  tableName: 'recovery_codes',
  properties: {
    user: () => p.manyToOne(User).mapToPk().primary().fieldName('user_id').deleteRule('cascade'),
    /** SHA-256 of the code. */
    hash: p.blob().primary(),
  },
})

/** A recovery code that has not been used. */
export class RecoveryCode extends RecoveryCodeSchema.class {}
RecoveryCodeSchema.setClass(RecoveryCode)
