import type { Client } from '../clients/client.entity.ts'
import type { Database } from '../database/database.ts'
import { badRequest } from '../errors/errors.ts'
import { consentedScopes } from '../grants/consents.ts'
import type { Params } from '../grants/grant.ts'
import type { Catalogue, Scope } from '../scopes/catalogue.ts'
import type { Person } from '../users/user.entity.ts'
import type { Users } from '../users/users.ts'
import { asWritten, phrase } from './phrase.ts'
import { chosenScopes, scopeField } from './scope-choice.ts'
import type { Site } from './site.ts'
import { texts } from './texts.ts'

/** What a person is told before letting an app in; whatever is HTML already says so. */
export interface Consent {
  title: string
  headingHtml: string
  ownerHtml: string
  accountHtml: string
  scopes: AskedScope[]
  /** The person let the app in before, with other scopes or the same. */
  knownBefore: boolean
  /** The app cannot prove who it is. */
  unproved: boolean
}

/** A scope that the person may untick. */
export interface AskedScope extends Scope {
  /** Name of its field. */
  field: string
  /** Not among what the person let this app have before; nothing is new to whoever never did. */
  isNew: boolean
}

/** Who asks, for what, and with whose account. */
export type ConsentView = (client: Client, user: Person, scopes: readonly string[]) => Promise<Consent>

export interface ConsentViewOptions {
  site: Site
  users: Pick<Users, 'find'>
  catalogue: Catalogue
  db: Database
}

const text = texts.consent

export function createConsentView({ site, users, catalogue, db }: ConsentViewOptions): ConsentView {
  async function owner(client: Client): Promise<string> {
    if (client.registrationHash) return phrase(text.by.itself, { site: site.name })
    if (!client.user) return phrase(text.by.operator, { site: site.name })
    const { name, email } = await users.find(client.user)
    return phrase(text.by.person, { name, email })
  }

  return async (client, { id: userId, name, email }, scopes) => {
    const known = await db.run(em => consentedScopes(em, userId, client.id))
    const asked = catalogue.scopes.filter(({ id }) => scopes.includes(id))
    return {
      title: text.title.replace('{app}', () => asWritten(client.name)),
      headingHtml: phrase(text.title, { app: client.name }),
      ownerHtml: await owner(client),
      accountHtml: phrase(text.account, { name, email }),
      scopes: asked.map(each => ({ ...each, field: scopeField(each.id), isNew: known?.has(each.id) === false })),
      knownBefore: known !== undefined,
      unproved: !client.isConfidential(),
    }
  }
}

/**
 * What a person left ticked of what an app asks for.
 * @returns undefined when nothing is left of something
 * @throws 400 for a scope that the form did not show
 */
export function leftTicked(shown: readonly string[], fields: Params): string[] | undefined {
  const chosen = chosenScopes(fields)
  if (chosen.some(scope => !shown.includes(scope))) throw badRequest('The form was sent with more than it has.')
  return shown.length > 0 && chosen.length === 0 ? undefined : shown.filter(scope => chosen.includes(scope))
}

/** Where an answer goes, as HTML: a host, or an app on the person's own device (RFC 8252 §7). */
export function destination(redirectUri: string): string {
  const { protocol, host, hostname } = new URL(redirectUri)
  if (protocol === 'https:') return phrase(text.destination.web, { place: host })
  if (protocol === 'http:') return phrase(text.destination.here, { place: hostname })
  return phrase(text.destination.here, { place: protocol.slice(0, -1) })
}
