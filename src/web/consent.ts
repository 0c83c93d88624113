import { isMeantFor, normalUri } from '../../packages/guard/src/audience.ts'
import type { Client } from '../clients/client.entity.ts'
import type { Resources } from '../clients/resources.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import { badRequest } from '../errors/errors.ts'
import { consentedScopes } from '../grants/consents.ts'
import type { Params } from '../grants/grant.ts'
import type { ClientPolicy } from '../grants/policy.ts'
import { isRemembered } from '../grants/remembered.ts'
import type { Catalogue, Scope } from '../scopes/catalogue.ts'
import { resourcesOf } from '../tokens/audience.ts'
import type { SafeUser } from '../users/user.entity.ts'
import type { Users } from '../users/users.ts'
import { asWritten, phrase } from './phrase.ts'
import { chosenScopes, scopeField } from './scope-choice.ts'
import type { Site } from './site.ts'
import { texts } from './texts.ts'
import { lengthInWords } from './times.ts'

/** Data of the consent page. Names that end in `Html` are escaped already. */
export interface Consent {
  title: string
  headingHtml: string
  ownerHtml: string
  accountHtml: string
  /** The resource servers that would accept its tokens. */
  placesHtml: string[]
  /** How long the access lasts, and whether the consent is remembered. */
  lasting: string
  scopes: RequestedScope[]
  /** The user has authorized the app before, with any scopes. */
  knownBefore: boolean
  /** The app is a public client, so its identity cannot be verified. */
  unproved: boolean
}

/** A scope that the user can uncheck. */
export interface RequestedScope extends Scope {
  /** Name of its field. */
  field: string
  /** Not granted to this app before. False for all scopes at the first authorization. */
  isNew: boolean
}

/** What an app requests. */
export interface Asked {
  client: Client
  scopes: readonly string[]
  /** As in the row of a token; null: the request names no resource. */
  audience: string | null
}

/** Creates the data of the consent page for a request and a user. */
export type ConsentView = (requested: Asked, user: SafeUser) => Promise<Consent>

export interface ConsentViewOptions {
  site: Site
  users: Pick<Users, 'find'>
  catalogue: Catalogue
  db: Database
  resources: Pick<Resources, 'list'>
  policy: Pick<ClientPolicy, 'grantTarget'>
  config: Pick<
    Config,
    'audience' | 'issuer' | 'requireResource' | 'consentLifetime' | 'refreshTokenLifetime' | 'accessTokenLifetime'
  >
}

const text = texts.consent

export function createConsentView(options: ConsentViewOptions): ConsentView {
  const { site, users, catalogue, db, resources, policy, config } = options

  async function places({ scopes, audience }: Asked): Promise<string[]> {
    const target = (await policy.grantTarget(undefined)).resolve([...scopes], audience)
    if (target.audience === null)
      return [phrase(text.at[config.requireResource ? 'issuer' : 'all'], { site: site.name })]
    const known = await resources.list()
    return resourcesOf(target.audience).map(uri => {
      if (isMeantFor(uri, [config.audience]) && !config.requireResource) return phrase(text.at.all, { site: site.name })
      const name = known.find(resource => normalUri(resource.uri) === normalUri(uri))?.name
      return name === undefined ? phrase(text.at.uri, { uri }) : phrase(text.at.api, { name, uri })
    })
  }

  function lasting(client: Client): string {
    const access = client.grantTypes.includes('refresh_token')
      ? (client.refreshTokenLifetime ?? config.refreshTokenLifetime)
      : (client.accessTokenLifetime ?? config.accessTokenLifetime)
    const { always, remembered } = text.asksAgain
    const again = isRemembered(client, config.consentLifetime) ? remembered : always
    return `${text.lasts} ${again}`
      .replace('{access}', lengthInWords(access))
      .replace('{remembered}', lengthInWords(config.consentLifetime))
  }

  async function owner(client: Client): Promise<string> {
    if (client.registrationHash) return phrase(text.by.itself, { site: site.name })
    if (!client.user) return phrase(text.by.operator, { site: site.name })
    // The e-mail address is not verified, so it does not identify anyone.
    const { name } = await users.find(client.user)
    return phrase(text.by.person, { name, site: site.name })
  }

  return async (request, { id: userId, name, email }) => {
    const { client, scopes } = request
    const known = await db.run(em => consentedScopes(em, userId, client.id))
    const requested = catalogue.scopes.filter(({ id }) => scopes.includes(id))
    return {
      title: text.title.replace('{app}', () => asWritten(client.name)),
      headingHtml: phrase(text.title, { app: client.name }),
      ownerHtml: await owner(client),
      accountHtml: phrase(text.account, { name, email }),
      placesHtml: await places(request),
      lasting: lasting(client),
      scopes: requested.map(each => ({ ...each, field: scopeField(each.id), isNew: known?.has(each.id) === false })),
      knownBefore: known !== undefined,
      unproved: !client.isConfidential(),
    }
  }
}

/**
 * The scopes that the user left checked.
 * @returns undefined when scopes were requested and none is checked
 * @throws 400 for a scope that the form did not show
 */
export function tickedScopes(shown: readonly string[], fields: Params): string[] | undefined {
  const ticked = chosenScopes(fields)
  if (ticked.some(scope => !shown.includes(scope))) throw badRequest('The form was sent with more than it has.')
  return shown.length > 0 && ticked.length === 0 ? undefined : shown.filter(scope => ticked.includes(scope))
}

/** The redirect target as HTML: a host, or an app on the user's device (RFC 8252 §7). */
export function destination(redirectUri: string): string {
  const { protocol, host, hostname } = new URL(redirectUri)
  if (protocol === 'https:') return phrase(text.destination.web, { place: host })
  if (protocol === 'http:') return phrase(text.destination.here, { place: hostname })
  return phrase(text.destination.here, { place: protocol.slice(0, -1) })
}
