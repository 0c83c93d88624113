import type { JWK } from 'jose'
import { normalUri } from '../../packages/guard/src/audience.ts'
import { isAdminScope } from '../../packages/guard/src/scope-set.ts'
import { invalid } from '../errors/errors.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { assertVisible, validateName } from '../text/name.ts'
import {
  AUTH_METHODS,
  type AuthMethod,
  type Client,
  GRANT_TYPES,
  type GrantType,
  TOKEN_FORMATS,
} from './client.entity.ts'
import { validateJwks } from './jwks.ts'
import { validateAudience, validateRedirectUri, validateWebUri } from './uris.ts'

/** What a client says of itself for people to read, in the names of RFC 7591 §2. URIs are http or https. */
export interface ClientMetadata {
  client_uri?: string | undefined
  logo_uri?: string | undefined
  tos_uri?: string | undefined
  policy_uri?: string | undefined
  contacts?: readonly string[] | undefined
  software_id?: string | undefined
  software_version?: string | undefined
}

/** What may be set of a client, when it is made and later. Omitted or undefined: as it was, or by default. */
export interface ClientSettings {
  /** 1 to 255 characters, shown to people who are asked to let it in. */
  name?: string | undefined
  /** How it proves who it is. `none`: a public client, which has no secret: an app on a phone, a page, a command line. */
  authMethod?: AuthMethod | undefined
  /** Public keys of a client that signs assertions (`private_key_jwt`). */
  jwks?: { keys: readonly JWK[] } | null | undefined
  grantTypes?: readonly string[] | undefined
  redirectUris?: readonly string[] | undefined
  /** null: every scope of the catalogue but `admin:*`. */
  scopes?: readonly string[] | null | undefined
  /** Makes the client a resource server: the URI its tokens are meant for (RFC 8707). */
  audience?: string | null | undefined
  /** Audiences besides its own that it may exchange tokens for (RFC 8693); null: none. Only of confidential clients. */
  exchangeAudiences?: readonly string[] | null | undefined
  /** Resources besides its own that it may name with `client_credentials` (RFC 8707); null: none. */
  resources?: readonly string[] | null | undefined
  /** Authorization requests of it count only when it pushed them (RFC 9126 §6). */
  requirePushedRequests?: boolean | undefined
  /** Lets tokens of it, with `tokens:write`, issue and rotate personal ones of their users. */
  issuesPersonalTokens?: boolean | undefined
  tokenFormat?: string | undefined
  /** Seconds; null: the default of the grant. */
  accessTokenLifetime?: number | null | undefined
  /** Seconds; null: the configured one. */
  refreshTokenLifetime?: number | null | undefined
  metadata?: ClientMetadata | null | undefined
}

export interface ValidationContext {
  catalogue: Catalogue
  /** Seconds; no token of a client lives longer. */
  maxLifetime: number
  /** Scopes that the client has already: it may keep those that have left the catalogue. */
  existing?: readonly string[] | undefined
}

type ValidatedSettings = Pick<
  Client,
  'name' | 'authMethod' | 'jwks' | 'grantTypes' | 'redirectUris' | 'scopes' | 'audience'
> &
  Pick<Client, 'tokenFormat' | 'accessTokenLifetime' | 'refreshTokenLifetime' | 'metadata'> &
  Pick<Client, 'exchangeAudiences' | 'resources' | 'issuesPersonalTokens' | 'requirePushedRequests'>

/** What the fields of a client must be together: the row as it is to be stored. */
export type ClientState = Pick<Client, 'authMethod' | 'jwks' | 'grantTypes' | 'redirectUris' | 'scopes' | 'audience'> &
  Pick<Client, 'user' | 'registrationHash' | 'exchangeAudiences' | 'resources' | 'issuesPersonalTokens'>

const nullOr =
  <V, T>(check: (value: V, rules: ValidationContext) => T) =>
  (value: V | null, rules: ValidationContext): T | null =>
    value === null ? null : check(value, rules)

const CHECKS: { [K in keyof ValidatedSettings]: (value: never, rules: ValidationContext) => ValidatedSettings[K] } = {
  name: (name: string) => validateName(name),
  authMethod: (value: string) => oneOf('token_endpoint_auth_method', AUTH_METHODS, value),
  jwks: nullOr(validateJwks),
  grantTypes: (names: readonly string[]) => [
    ...new Set(names.map((name, i) => oneOf(`grant_types/${i}`, GRANT_TYPES, name))),
  ],
  redirectUris: (uris: readonly string[]) => [...new Set(uris.map(validateRedirectUri))],
  scopes: nullOr((scopes: readonly string[], { catalogue, existing }: ValidationContext) =>
    catalogue.resolve(scopes, existing),
  ),
  audience: nullOr((text: string) => validateAudience(text)),
  exchangeAudiences: nullOr(audiences('exchange_audiences')),
  resources: nullOr(audiences('resources')),
  issuesPersonalTokens: (value: boolean) => value,
  requirePushedRequests: (value: boolean) => value,
  tokenFormat: (value: string) => oneOf('token_format', TOKEN_FORMATS, value),
  accessTokenLifetime: nullOr(lifetime('access_token_lifetime')),
  refreshTokenLifetime: nullOr(lifetime('refresh_token_lifetime')),
  metadata: nullOr(validateMetadata),
}

/**
 * Checks each setting that is given.
 * @throws 422 that names the field as the wire does
 */
export function validateSettings(settings: ClientSettings, rules: ValidationContext): Partial<ValidatedSettings> {
  const fields = Object.keys(CHECKS) as (keyof ValidatedSettings)[]
  const given = fields.filter(field => settings[field] !== undefined)
  return Object.fromEntries(given.map(field => [field, CHECKS[field](settings[field] as never, rules)]))
}

/** What is not asked for follows from the rest: redirects mean people, a secret alone means a machine. */
export function standardGrants({
  authMethod,
  redirectUris,
}: Pick<ClientState, 'authMethod' | 'redirectUris'>): GrantType[] {
  if (redirectUris.length > 0) return ['authorization_code', 'refresh_token']
  return authMethod === 'none' ? [] : ['client_credentials']
}

/**
 * Checks what the settings mean beside each other.
 * @throws 422
 */
export function assertConsistent({ authMethod, jwks, grantTypes, redirectUris, ...rest }: ClientState): void {
  if (authMethod === 'none' && grantTypes.includes('client_credentials')) {
    throw invalid({ path: 'grant_types', message: 'a public client has no credentials to use client_credentials with' })
  }
  if (grantTypes.includes('authorization_code') && redirectUris.length === 0) {
    throw invalid({ path: 'redirect_uris', message: 'authorization_code needs at least one redirect URI' })
  }
  if (grantTypes.includes('refresh_token') && !GIVES_REFRESH_TOKENS.some(grant => grantTypes.includes(grant))) {
    throw invalid({ path: 'grant_types', message: REFRESH_ALONE })
  }
  if (authMethod === 'private_key_jwt' && !jwks) {
    throw invalid({ path: 'jwks', message: 'private_key_jwt needs the public keys that the client signs with' })
  }
  if (authMethod === 'none' && rest.audience) {
    throw invalid({ path: 'audience', message: 'a public client cannot be a resource server: that proves who it is' })
  }
  if (authMethod === 'none' && rest.exchangeAudiences?.length) {
    throw invalid({ path: 'exchange_audiences', message: 'a public client proves to nobody who it is' })
  }
  assertOperatorOnly({ grantTypes, ...rest })
}

const GIVES_REFRESH_TOKENS: readonly GrantType[] = [
  'authorization_code',
  'urn:ietf:params:oauth:grant-type:device_code',
]
const REFRESH_ALONE = 'refresh_token needs a grant that gives refresh tokens: authorization_code or device_code'

/** What only an operator gives away: the administration, and tokens that other people's clients send. */
function assertOperatorOnly({ user, registrationHash, scopes, grantTypes, ...targets }: Partial<ClientState>): void {
  if (!user && !registrationHash) return
  // Such an app acts for those who let it in, never for itself: a machine's scopes are nobody's to give but an operator's.
  if (grantTypes?.includes('client_credentials')) {
    throw invalid({ path: 'grant_types', message: 'only an operator may register a client that acts for itself' })
  }
  const admin = scopes?.filter(isAdminScope) ?? []
  if (admin.length > 0) throw invalid({ path: 'scopes', message: `${admin.join(', ')}: only an operator may allow it` })
  if (targets.audience) throw invalid({ path: 'audience', message: 'only an operator may register a resource server' })
  if (targets.exchangeAudiences?.length) throw invalid({ path: 'exchange_audiences', message: OPERATORS })
  if (targets.issuesPersonalTokens) throw invalid({ path: 'issues_personal_tokens', message: OPERATORS })
  if (targets.resources?.length) throw invalid({ path: 'resources', message: OPERATORS })
}

const OPERATORS = 'only an operator may allow it'
const MOST_AUDIENCES = 100

/** Each once, in whatever way it is written (RFC 3986 §6.2.2). */
function audiences(path: string) {
  return (uris: readonly string[]): string[] => {
    if (uris.length > MOST_AUDIENCES) throw invalid({ path, message: `must be at most ${MOST_AUDIENCES}` })
    const checked = uris.map((uri, i) => validateAudience(uri, `${path}/${i}`))
    return [...new Map(checked.map(uri => [normalUri(uri), uri])).values()]
  }
}

function oneOf<T extends string>(path: string, allowed: readonly T[], value: string): T {
  const found = allowed.find(k => k === value)
  if (found) return found
  throw invalid({ path, message: `must be one of ${allowed.join(', ')}` })
}

function lifetime(path: string) {
  return (seconds: number, { maxLifetime: longest }: ValidationContext): number => {
    if (Number.isInteger(seconds) && seconds >= 1 && seconds <= longest) return seconds
    throw invalid({ path, message: `must be a whole number of seconds from 1 to ${longest}` })
  }
}

const PAGES = ['client_uri', 'logo_uri', 'tos_uri', 'policy_uri'] as const
const TEXTS = ['software_id', 'software_version'] as const
const MAX_CONTACTS = 10

function validateMetadata(metadata: ClientMetadata): Record<string, unknown> {
  const { contacts } = metadata
  if (contacts && contacts.length > MAX_CONTACTS) {
    throw invalid({ path: 'contacts', message: `must be at most ${MAX_CONTACTS}` })
  }
  const entries = [
    ...PAGES.map(name => [name, metadata[name] && validateWebUri(metadata[name], name)]),
    ...TEXTS.map(name => [name, metadata[name] && validateText(metadata[name], name)]),
    ['contacts', contacts?.map((contact, i) => validateText(contact, `contacts/${i}`))],
  ]
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== ''))
}

function validateText(given: string, path: string): string {
  const text = given.normalize('NFC').trim()
  assertVisible(text, path)
  if ([...text].length <= 255) return text
  throw invalid({ path, message: 'must have at most 255 characters' })
}
