import { defineEntity, p } from '@mikro-orm/postgresql'
import { Consent } from './consent.entity.ts'

const RememberedConsentSchema = defineEntity({
  name: 'RememberedConsent',
  tableName: 'oauth_remembered_consents',
  uniques: [{ name: 'oauth_remembered_consents_consent_audience_unique', properties: ['consent', 'audience'] }],
  properties: {
    id: p.uuid().primary(),
    /** The consent of the user to the client. Withdrawing the consent deletes this row. */
    consent: () => p.manyToOne(Consent).mapToPk().fieldName('consent_id').deleteRule('cascade').index(false),
    /** The resources that it was granted for, as in the row of a token; empty: the request named none. */
    audience: p.text(),
    /** Until when each scope needs no new consent, in seconds since the epoch. */
    scopes: p.json<Record<string, number>>(),
    /** A fingerprint of the client at that time. A client that has changed since needs a new consent. */
    clientPrint: p.string().length(64),
    updatedAt: p.datetime(),
    expiresAt: p.datetime(),
  },
})

/** Scopes for which a client needs no new consent of a user. */
export class RememberedConsent extends RememberedConsentSchema.class {}
RememberedConsentSchema.setClass(RememberedConsent)
