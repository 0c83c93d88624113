import type { JWK } from 'jose'
import { normalUri } from '../../packages/guard/src/audience.ts'
import { isAdminScope } from '../../packages/guard/src/scope-set.ts'
import { checkAll, checkEach, type FieldError, invalid } from '../errors/errors.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { assertVisible, validateName } from '../text/name.ts'
import {
  APPLICATION_TYPES,
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
  /** `native` or `web`, of a client that registered itself. */
  applicationType?: string | null | undefined
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
  Pick<Client, 'exchangeAudiences' | 'resources' | 'issuesPersonalTokens' | 'requirePushedRequests' | 'applicationType'>

/** The properties of a client that must be consistent with each other, as they will be stored. */
export type ClientState = Pick<Client, 'authMethod' | 'jwks' | 'grantTypes' | 'redirectUris' | 'scopes' | 'audience'> &
  Pick<
    Client,
    'user' | 'registrationHash' | 'metadataUrl' | 'jwksUri' | 'exchangeAudiences' | 'resources' | 'issuesPersonalTokens'
  >

const nullOr =
  <V, T>(check: (value: V, rules: ValidationContext) => T) =>
  (value: V | null, rules: ValidationContext): T | null =>
    value === null ? null : check(value, rules)

const CHECKS: { [K in keyof ValidatedSettings]: (value: never, rules: ValidationContext) => ValidatedSettings[K] } = {
  name: (name: string) => validateName(name),
  authMethod: (value: string) => oneOf('token_endpoint_auth_method', AUTH_METHODS, value),
  jwks: nullOr(validateJwks),
  grantTypes: (names: readonly string[]) => [
    ...new Set(checkEach(names, (name, i) => oneOf(`grant_types/${i}`, GRANT_TYPES, name))),
  ],
  redirectUris: (uris: readonly string[]) => {
    assertAtMost(MAX_REDIRECT_URIS, 'redirect_uris', uris)
    return [...new Set(checkEach(uris, validateRedirectUri))]
  },
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
  applicationType: nullOr((value: string) => oneOf('application_type', APPLICATION_TYPES, value)),
}

/**
 * Validates each setting that is not undefined.
 * @throws 422 with every invalid field, by the names of the API
 */
export function validateSettings(settings: ClientSettings, rules: ValidationContext): Partial<ValidatedSettings> {
  const fields = Object.keys(CHECKS) as (keyof ValidatedSettings)[]
  const present = fields.filter(field => settings[field] !== undefined)
  return checkAll(
    Object.fromEntries(present.map(field => [field, () => CHECKS[field](settings[field] as never, rules)])),
  ) as Partial<ValidatedSettings>
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
 * @throws 422 with every field that is not
 */
export function assertConsistent(state: ClientState): void {
  const errors = [...inconsistencies(state), ...operatorOnly(state)]
  if (errors.length > 0) throw invalid(...errors)
}

function inconsistencies(state: ClientState): FieldError[] {
  const { authMethod, jwks, jwksUri, grantTypes, redirectUris, audience, exchangeAudiences } = state
  const isPublic = authMethod === 'none'
  const rules: [isBroken: unknown, path: string, message: string][] = [
    [isPublic && grantTypes.includes('client_credentials'), 'grant_types', NO_CREDENTIALS],
    [grantTypes.includes('authorization_code') && redirectUris.length === 0, 'redirect_uris', NO_REDIRECT_URI],
    [isRefreshAlone(grantTypes), 'grant_types', REFRESH_ALONE],
    [authMethod === 'private_key_jwt' && !jwks && !jwksUri, 'jwks', NO_KEYS],
    [isPublic && audience, 'audience', PUBLIC_SERVER],
    [isPublic && exchangeAudiences?.length, 'exchange_audiences', PUBLIC_EXCHANGE],
  ]
  return rules.flatMap(([isBroken, path, message]) => (isBroken ? [{ path, message }] : []))
}

const NO_CREDENTIALS = 'a public client cannot use client_credentials: it has no credentials'
const NO_REDIRECT_URI = 'authorization_code needs at least one redirect URI'
const NO_KEYS = 'private_key_jwt needs the public keys of the client'
const PUBLIC_SERVER = 'a public client cannot be a resource server, which must authenticate'
const PUBLIC_EXCHANGE = 'a public client cannot exchange tokens, since it does not authenticate'

const isRefreshAlone = (grantTypes: readonly GrantType[]) =>
  grantTypes.includes('refresh_token') && !ISSUES_REFRESH_TOKENS.some(grant => grantTypes.includes(grant))

const ISSUES_REFRESH_TOKENS: readonly GrantType[] = [
  'authorization_code',
  'urn:ietf:params:oauth:grant-type:device_code',
]
const REFRESH_ALONE = 'refresh_token needs a grant that issues refresh tokens: authorization_code or device_code'

/** The settings that only operators can allow, of clients of users and clients that say by themselves who they are. */
function operatorOnly(state: ClientState): FieldError[] {
  const { user, registrationHash, metadataUrl, scopes, grantTypes, ...targets } = state
  if (!user && !registrationHash && !metadataUrl) return []
  const admin = scopes?.filter(isAdminScope) ?? []
  const rules: [isBroken: unknown, path: string, message: string][] = [
    // Such an app acts only for users who authorized it. Scopes of a machine can be granted only by an operator.
    [grantTypes.includes('client_credentials'), 'grant_types', 'only operators can allow client_credentials'],
    [admin.length > 0, 'scopes', `${admin.join(', ')}: only operators can allow this scope`],
    [targets.audience, 'audience', 'only operators can register a resource server'],
    [targets.exchangeAudiences?.length, 'exchange_audiences', OPERATOR_ONLY],
    [targets.issuesPersonalTokens, 'issues_personal_tokens', OPERATOR_ONLY],
    [targets.resources?.length, 'resources', OPERATOR_ONLY],
  ]
  return rules.flatMap(([isBroken, path, message]) => (isBroken ? [{ path, message }] : []))
}

const OPERATOR_ONLY = 'only operators can allow this'
const MAX_AUDIENCES = 100
/** As in the schema of the API. */
const MAX_REDIRECT_URIS = 50

function assertAtMost(max: number, path: string, items: readonly unknown[]): void {
  if (items.length > max) throw invalid({ path, message: `must have at most ${max} entries` })
}

/** Validates audiences and removes equivalent ones (RFC 3986 §6.2.2). */
function audiences(path: string) {
  return (uris: readonly string[]): string[] => {
    assertAtMost(MAX_AUDIENCES, path, uris)
    const checked = checkEach(uris, (uri, i) => validateAudience(uri, `${path}/${i}`))
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

export function validateMetadata(metadata: ClientMetadata): Record<string, unknown> {
  const { contacts } = metadata
  if (contacts) assertAtMost(MAX_CONTACTS, 'contacts', contacts)
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
