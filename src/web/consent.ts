import type { Client } from '../clients/client.entity.ts'
import type { Catalogue, Scope } from '../scopes/catalogue.ts'
import type { User } from '../users/user.entity.ts'
import type { Users } from '../users/users.ts'
import { asWritten, phrase } from './phrase.ts'
import type { Site } from './site.ts'
import { texts } from './texts.ts'

/** What a person is told before letting an app in; whatever is HTML already says so. */
export interface Consent {
  title: string
  headingHtml: string
  ownerHtml: string
  accountHtml: string
  scopes: Scope[]
  /** The app cannot prove who it is. */
  unproved: boolean
}

/** Who asks, for what, and with whose account. */
export type ConsentView = (client: Client, user: User, scopes: readonly string[]) => Promise<Consent>

export interface ConsentViewOptions {
  site: Site
  users: Pick<Users, 'find'>
  catalogue: Catalogue
}

const text = texts.consent

export function createConsentView({ site, users, catalogue }: ConsentViewOptions): ConsentView {
  async function owner(client: Client): Promise<string> {
    if (client.registrationHash) return phrase(text.by.itself, { site: site.name })
    if (!client.user) return phrase(text.by.operator, { site: site.name })
    const { name, email } = await users.find(client.user)
    return phrase(text.by.person, { name, email })
  }

  return async (client, { name, email }, scopes) => ({
    title: text.title.replace('{app}', () => asWritten(client.name)),
    headingHtml: phrase(text.title, { app: client.name }),
    ownerHtml: await owner(client),
    accountHtml: phrase(text.account, { name, email }),
    scopes: catalogue.scopes.filter(({ id }) => scopes.includes(id)),
    unproved: !client.isConfidential(),
  })
}

/** Where an answer goes, as HTML: a host, or an app on the person's own device (RFC 8252 §7). */
export function destination(redirectUri: string): string {
  const { protocol, host, hostname } = new URL(redirectUri)
  if (protocol === 'https:') return phrase(text.destination.web, { place: host })
  if (protocol === 'http:') return phrase(text.destination.here, { place: hostname })
  return phrase(text.destination.here, { place: protocol.slice(0, -1) })
}
