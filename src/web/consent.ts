import { isMeantFor, normalUri } from '../../packages/guard/src/audience.ts'
import type { Client } from '../clients/client.entity.ts'
import { EXPLORER_ID } from '../clients/explorer.ts'
import type { Resources } from '../clients/resources.ts'
import type { Verifications } from '../clients/verifications.ts'
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
import { type AccessChoice, accessChoices, longestAccess } from './access-duration.ts'
import { type LogoView, logoView } from './client-logos.ts'
import { phrase, stripBidiControls } from './phrase.ts'
import { chosenScopes, scopeField } from './scope-choice.ts'
import { describeScope } from './scope-description.ts'
import type { Site } from './site.ts'
import { texts } from './texts.ts'
import { formatDuration } from './times.ts'

/** Data of the consent page. Names that end in `Html` are escaped already. */
export interface Consent {
  title: string
  headingHtml: string
  ownerHtml: string
  accountHtml: string
  /** The resource servers that would accept its tokens. */
  audiencesHtml: string[]
  /** How long the access lasts, and whether the consent is remembered. */
  duration: string
  scopes: RequestedScope[]
  /** The user has authorized the app before, with any scopes. */
  authorizedBefore: boolean
  /** An administrator verified its name and its logo. */
  verified: boolean
  logo?: LogoView | undefined
  /** What an app calls itself that says by itself who it is. */
  selfAssertedNameHtml?: string
  /** Another program could pass itself off as this one. */
  warning?: string | undefined
  /** How long it may have access: the user's choice, for an app that says by itself who it is. */
  accessChoices: AccessChoice[]
}

/** A scope that the user can uncheck. */
export interface RequestedScope extends Scope {
  /** Name of its field. */
  field: string
  /** Not granted to this app before. False for all scopes at the first authorization. */
  isNew: boolean
}

/** What an app requests. */
export interface AccessRequest {
  client: Client
  scopes: readonly string[]
  /** As in the row of a token; null: the request names no resource. */
  audience: string | null
  /** Where the user is sent afterwards; absent for a device. */
  redirectUri?: string
}

/** Creates the data of the consent page for a request and a user. */
export type ConsentView = (requested: AccessRequest, user: SafeUser) => Promise<Consent>

export interface ConsentViewOptions {
  site: Site
  users: Pick<Users, 'findOwner'>
  catalogue: Catalogue
  db: Database
  resources: Pick<Resources, 'list'>
  policy: Pick<ClientPolicy, 'grantTarget'>
  verifications: Pick<Verifications, 'find'>
  config: Pick<
    Config,
    'audience' | 'issuer' | 'requireResource' | 'consentLifetime' | 'refreshTokenLifetime' | 'accessTokenLifetime'
  >
}

const text = texts.consent

export function createConsentView(options: ConsentViewOptions): ConsentView {
  const { site, users, catalogue, db, resources, policy, verifications, config } = options

  async function audiences({ scopes, audience }: AccessRequest): Promise<string[]> {
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

  function duration(client: Client): string {
    const access = longestAccess(client, config)
    const { always, remembered } = text.askAgain
    const again = isRemembered(client, config.consentLifetime) ? remembered : always
    return `${text.duration} ${again}`
      .replace('{access}', formatDuration(access))
      .replace('{remembered}', formatDuration(config.consentLifetime))
  }

  async function owner(client: Client, verified: boolean): Promise<string> {
    if (client.id === EXPLORER_ID) return phrase(text.by.explorer, { site: site.name })
    if (verified) return phrase(text.by.verified, { site: site.name })
    if (client.metadataUrl) return phrase(text.selfAsserted.document, { host: hostOfUrl(client.metadataUrl) })
    if (client.registrationHash) return phrase(text.by.client, { site: site.name })
    if (!client.user) return phrase(text.by.operator, { site: site.name })
    // The e-mail address is not verified, so it does not identify anyone.
    const { name } = await users.findOwner(client.user)
    return phrase(text.by.user, { name, site: site.name })
  }

  /** An app that says by itself who it is: its host is known, its name is not. */
  function heading({ client, redirectUri }: AccessRequest, verified: boolean) {
    if (verified || !client.isSelfAsserted()) {
      const title = text.title.replace('{app}', () => stripBidiControls(client.name))
      return { title, headingHtml: phrase(text.title, { app: client.name }) }
    }
    const more = { selfAssertedNameHtml: phrase(text.selfAsserted.name, { name: client.name, site: site.name }) }
    const app = client.metadataUrl ?? (endsHere(redirectUri) ? undefined : redirectUri)
    if (app === undefined) return { title: text.selfAsserted.local, headingHtml: text.selfAsserted.local, ...more }
    const host = hostOfUrl(app)
    return { title: text.title.replace('{app}', host), headingHtml: phrase(text.title, { app: host }), ...more }
  }

  return async (request, { id: userId, name, email }) => {
    const { client, scopes } = request
    const known = await db.run(em => consentedScopes(em, userId, client.id))
    const verification = await verifications.find(client)
    const verified = verification !== undefined
    const requested = catalogue.scopes.filter(({ id }) => scopes.includes(id))
    return {
      ...heading(request, verified),
      ownerHtml: await owner(client, verified),
      verified,
      logo: verification?.logo && logoView(site, client, verification),
      accountHtml: phrase(text.account, { name, email: email ?? '' }),
      audiencesHtml: await audiences(request),
      duration: duration(client),
      scopes: requested.map(each => ({
        ...each,
        description: describeScope(each),
        field: scopeField(each.id),
        isNew: known?.has(each.id) === false,
      })),
      authorizedBefore: known !== undefined,
      warning: warningOf(request, verified),
      accessChoices: accessChoices(client, config),
    }
  }
}

/** Whether the answer goes to a program on the user's device. */
const endsHere = (redirectUri: string | undefined): boolean =>
  redirectUri !== undefined && !/^https:/i.test(redirectUri)

/** What is verified is the app, not the program that uses its id. */
function warningOf(request: AccessRequest, verified: boolean): string | undefined {
  if (request.client.isSelfAsserted() && endsHere(request.redirectUri)) return text.selfAsserted.runsHere
  if (!isImpersonable(request)) return undefined
  return verified ? text.impersonable : text.unverified
}

/**
 * Whether another app can use its id: a public client without credentials, whose answer goes to whatever program on the
 * user's device takes it, or whose device shows only a code. A public client on a web site is known by its address.
 */
const isImpersonable = ({ client, redirectUri }: AccessRequest): boolean =>
  !client.isConfidential() && client.id !== EXPLORER_ID && !(redirectUri && /^https:/i.test(redirectUri))

/**
 * The scopes that the user left checked.
 * @returns undefined when scopes were requested and none is checked
 * @throws 400 for a scope that the form did not show
 */
export function checkedScopes(shown: readonly string[], fields: Params): string[] | undefined {
  const checked = chosenScopes(fields)
  if (checked.some(scope => !shown.includes(scope)))
    throw badRequest('The form contains fields that the page did not have.')
  return shown.length > 0 && checked.length === 0 ? undefined : shown.filter(scope => checked.includes(scope))
}

const hostOfUrl = (url: string) => new URL(url).host

/** The redirect target as HTML: a host, or an app on the user's device (RFC 8252 §7). */
export function destination(redirectUri: string): string {
  const { protocol, host, hostname } = new URL(redirectUri)
  if (protocol === 'https:') return phrase(text.destination.web, { place: host })
  if (protocol === 'http:') return phrase(text.destination.here, { place: hostname })
  return phrase(text.destination.here, { place: protocol.slice(0, -1) })
}
