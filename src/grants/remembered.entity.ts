import { defineEntity, p } from '@mikro-orm/postgresql'
import { Consent } from './consent.entity.ts'

const RememberedConsentSchema = defineEntity({
  name: 'RememberedConsent',
  tableName: 'oauth_remembered_consents',
  uniques: [{ name: 'oauth_remembered_consents_consent_audience_unique', properties: ['consent', 'audience'] }],
  properties: {
    id: p.uuid().primary(),
    /** The user and the client; a consent that is withdrawn takes this along. */
    consent: () => p.manyToOne(Consent).mapToPk().fieldName('consent_id').deleteRule('cascade').index(false),
    /** The resources that it was given for, as in the row of a token; empty: none was named. */
    audience: p.text(),
    /** Until when each scope need not be asked for again, in seconds since the epoch. */
    scopes: p.json<Record<string, number>>(),
    /** What the client was then: a client that is another one since has to ask again. */
    clientPrint: p.string().length(64),
    updatedAt: p.datetime(),
    expiresAt: p.datetime(),
  },
})

/** What a client need not ask a user again. */
export class RememberedConsent extends RememberedConsentSchema.class {}
RememberedConsentSchema.setClass(RememberedConsent)
