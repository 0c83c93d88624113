import { defineEntity, p } from '@mikro-orm/postgresql'
import { Client } from '../clients/client.entity.ts'
import { User } from '../users/user.entity.ts'

const ConsentSchema = defineEntity({
  name: 'Consent',
  tableName: 'oauth_consents',
  uniques: [{ name: 'oauth_consents_user_client_unique', properties: ['user', 'client'] }],
  properties: {
    id: p.uuid().primary(),
    user: () => p.manyToOne(User).mapToPk().fieldName('user_id').deleteRule('cascade').index(false),
    client: () => p.manyToOne(Client).mapToPk().fieldName('client_id').deleteRule('cascade').index(),
    /** Every scope that the user has granted to the client so far. */
    scopes: p.json<string[]>(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
})

/** The consent of a user to a client. */
export class Consent extends ConsentSchema.class {}
ConsentSchema.setClass(Consent)
