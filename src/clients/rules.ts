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

/** Metadata shown to users, with the names of RFC 7591 §2. URIs are http or https. */
export interface ClientMetadata {
  client_uri?: string | undefined
  logo_uri?: string | undefined
  tos_uri?: string | undefined
  policy_uri?: string | undefined
  contacts?: readonly string[] | undefined
  software_id?: string | undefined
  software_version?: string | undefined
}

/** Settings of a client, for creation and change. Omitted or undefined: unchanged, or the default. */
export interface ClientSettings {
  /** 1 to 255 characters, shown to users when they are asked for consent. */
  name?: string | undefined
  /** How it authenticates. `none`: a public client without a secret, such as a mobile, single-page or command-line app. */
  authMethod?: AuthMethod | undefined
  /** Public keys of a client that signs assertions (`private_key_jwt`). */
  jwks?: { keys: readonly JWK[] } | null | undefined
  grantTypes?: readonly string[] | undefined
  redirectUris?: readonly string[] | undefined
  /** null: every scope of the catalogue but `admin:*`. */
  scopes?: readonly string[] | null | undefined
  /** Makes the client a resource server: the URI of its API, for which tokens can be issued (RFC 8707). */
  audience?: string | null | undefined
  /** Other audiences that it may exchange tokens for (RFC 8693); null: none. Only for confidential clients. */
  exchangeAudiences?: readonly string[] | null | undefined
  /** Other resources that it may request with `client_credentials` (RFC 8707); null: none. */
  resources?: readonly string[] | null | undefined
  /** Whether only pushed authorization requests are accepted (RFC 9126 §6). */
  requirePushedRequests?: boolean | undefined
  /** Allows its tokens with `tokens:write` to issue and rotate personal tokens of their users. */
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
  /** Seconds; the longest token lifetime that a client can have. */
  maxLifetime: number
  /** Scopes that the client already has. It may keep those that were removed from the catalogue. */
  existing?: readonly string[] | undefined
}

type ValidatedSettings = Pick<
  Client,
  'name' | 'authMethod' | 'jwks' | 'grantTypes' | 'redirectUris' | 'scopes' | 'audience'
> &
  Pick<Client, 'tokenFormat' | 'accessTokenLifetime' | 'refreshTokenLifetime' | 'metadata'> &
  Pick<Client, 'exchangeAudiences' | 'resources' | 'issuesPersonalTokens' | 'requirePushedRequests'>

/** The properties of a client that must be consistent with each other, as they will be stored. */
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
 * Validates each setting that is not undefined.
 * @throws 422 with the field names of the API
 */
export function validateSettings(settings: ClientSettings, rules: ValidationContext): Partial<ValidatedSettings> {
  const fields = Object.keys(CHECKS) as (keyof ValidatedSettings)[]
  const present = fields.filter(field => settings[field] !== undefined)
  return Object.fromEntries(present.map(field => [field, CHECKS[field](settings[field] as never, rules)]))
}

/** The default grant types: with redirect URIs those for apps with users, otherwise with a secret those for machines. */
export function standardGrants({
  authMethod,
  redirectUris,
}: Pick<ClientState, 'authMethod' | 'redirectUris'>): GrantType[] {
  if (redirectUris.length > 0) return ['authorization_code', 'refresh_token']
  return authMethod === 'none' ? [] : ['client_credentials']
}

/**
 * Checks that the settings are consistent with each other.
 * @throws 422
 */
export function assertConsistent({ authMethod, jwks, grantTypes, redirectUris, ...rest }: ClientState): void {
  if (authMethod === 'none' && grantTypes.includes('client_credentials')) {
    throw invalid({
      path: 'grant_types',
      message: 'a public client cannot use client_credentials: it has no credentials',
    })
  }
  if (grantTypes.includes('authorization_code') && redirectUris.length === 0) {
    throw invalid({ path: 'redirect_uris', message: 'authorization_code needs at least one redirect URI' })
  }
  if (grantTypes.includes('refresh_token') && !ISSUES_REFRESH_TOKENS.some(grant => grantTypes.includes(grant))) {
    throw invalid({ path: 'grant_types', message: REFRESH_ALONE })
  }
  if (authMethod === 'private_key_jwt' && !jwks) {
    throw invalid({ path: 'jwks', message: 'private_key_jwt needs the public keys of the client' })
  }
  if (authMethod === 'none' && rest.audience) {
    throw invalid({ path: 'audience', message: 'a public client cannot be a resource server, which must authenticate' })
  }
  if (authMethod === 'none' && rest.exchangeAudiences?.length) {
    throw invalid({
      path: 'exchange_audiences',
      message: 'a public client cannot exchange tokens, since it does not authenticate',
    })
  }
  assertOperatorOnly({ grantTypes, ...rest })
}

const ISSUES_REFRESH_TOKENS: readonly GrantType[] = [
  'authorization_code',
  'urn:ietf:params:oauth:grant-type:device_code',
]
const REFRESH_ALONE = 'refresh_token needs a grant that issues refresh tokens: authorization_code or device_code'

/** Rejects settings that only operators can allow, for clients of users and clients that registered themselves. */
function assertOperatorOnly({ user, registrationHash, scopes, grantTypes, ...targets }: Partial<ClientState>): void {
  if (!user && !registrationHash) return
  // Such an app acts only for users who authorized it. Scopes of a machine can be granted only by an operator.
  if (grantTypes?.includes('client_credentials')) {
    throw invalid({ path: 'grant_types', message: 'only operators can allow client_credentials' })
  }
  const admin = scopes?.filter(isAdminScope) ?? []
  if (admin.length > 0)
    throw invalid({ path: 'scopes', message: `${admin.join(', ')}: only operators can allow this scope` })
  if (targets.audience) throw invalid({ path: 'audience', message: 'only operators can register a resource server' })
  if (targets.exchangeAudiences?.length) throw invalid({ path: 'exchange_audiences', message: OPERATOR_ONLY })
  if (targets.issuesPersonalTokens) throw invalid({ path: 'issues_personal_tokens', message: OPERATOR_ONLY })
  if (targets.resources?.length) throw invalid({ path: 'resources', message: OPERATOR_ONLY })
}

const OPERATOR_ONLY = 'only operators can allow this'
const MAX_AUDIENCES = 100

/** Validates audiences and removes equivalent ones (RFC 3986 §6.2.2). */
function audiences(path: string) {
  return (uris: readonly string[]): string[] => {
    if (uris.length > MAX_AUDIENCES) throw invalid({ path, message: `must have at most ${MAX_AUDIENCES} entries` })
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
  return (seconds: number, { maxLifetime }: ValidationContext): number => {
    if (Number.isInteger(seconds) && seconds >= 1 && seconds <= maxLifetime) return seconds
    throw invalid({ path, message: `must be a whole number of seconds from 1 to ${maxLifetime}` })
  }
}

const PAGES = ['client_uri', 'logo_uri', 'tos_uri', 'policy_uri'] as const
const TEXTS = ['software_id', 'software_version'] as const
const MAX_CONTACTS = 10

function validateMetadata(metadata: ClientMetadata): Record<string, unknown> {
  const { contacts } = metadata
  if (contacts && contacts.length > MAX_CONTACTS) {
    throw invalid({ path: 'contacts', message: `must have at most ${MAX_CONTACTS} entries` })
  }
  const entries = [
    ...PAGES.map(name => [name, metadata[name] && validateWebUri(metadata[name], name)]),
    ...TEXTS.map(name => [name, metadata[name] && validateText(metadata[name], name)]),
    ['contacts', contacts?.map((contact, i) => validateText(contact, `contacts/${i}`))],
  ]
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== ''))
}

function validateText(value: string, path: string): string {
  const text = value.normalize('NFC').trim()
  assertVisible(text, path)
  if ([...text].length <= 255) return text
  throw invalid({ path, message: 'must have at most 255 characters' })
}
