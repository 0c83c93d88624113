import type { Client } from '../clients/client.entity.ts'
import { checkAll, type FieldError, invalid } from '../errors/errors.ts'
import { parseDocumentUrl } from '../fetch/url.ts'
import { isForRole } from '../scopes/admin.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { validateName } from '../text/name.ts'
import type { Role } from '../users/user.entity.ts'
import { discoveryUrl } from './issuer-keys.ts'
import type { Trust } from './trust.entity.ts'

/** The settings of a trust, for creation and change. Omitted: the default, or unchanged. */
export interface TrustSettings {
  /** 1 to 255 characters. Default: the value of its first claim. */
  name?: string | undefined
  /** Such as `https://token.actions.githubusercontent.com`. */
  issuer?: string | undefined
  /** For an issuer without discovery. */
  jwksUri?: string | null | undefined
  /** Default: the issuer of this deployment. */
  audience?: string | undefined
  match?: Readonly<Record<string, string>> | undefined
  pin?: readonly string[] | undefined
  /** Id of the user whose tokens it issues; instead of `clientId`. */
  userId?: string | undefined
  /** Id of the client whose tokens it issues. */
  clientId?: string | undefined
  scopes?: readonly string[] | undefined
  /** Seconds, at most an hour. Default: 15 minutes. */
  lifetime?: number | undefined
}

export type TrustValues = Pick<
  Trust,
  'name' | 'issuer' | 'jwksUri' | 'audience' | 'match' | 'pin' | 'user' | 'client' | 'scopes' | 'lifetime'
>

export const MAX_LIFETIME = 3_600
export const DEFAULT_LIFETIME = 900
const MIN_LIFETIME = 60
const MAX_CLAIMS = 20
const MAX_VALUE = 1_000
const CLAIM = /^[\x21-\x7e]{1,128}$/
const NOT_GRANTED = ['*', 'tokens:write', 'tokens:rotate']

export interface RulesContext {
  catalogue: Catalogue
  /** Whose tokens cannot be subject tokens: those of this deployment. */
  ownIssuers: readonly string[]
  allowLoopback: boolean
}

/** The user or the client that a trust issues tokens for. */
export interface TrustOwner {
  user?: { id: string; role: Role; disabledAt?: Date | null | undefined } | undefined
  client?: Client | undefined
}

/**
 * Validates the values of a trust together.
 * @throws 422 with every invalid field, by the names of the API
 */
export function validateTrust(values: TrustValues, owner: TrustOwner, context: RulesContext): TrustValues {
  const { name, scopes } = checkAll({
    name: () => validateName(values.name),
    issuer: () => assertIssuer(values, context),
    audience: () => assertAudience(values.audience),
    match: () => assertMatch(values.match),
    pin: () => assertPin(values.pin),
    lifetime: () => assertLifetime(values.lifetime),
    owner: () => assertOwner(owner),
    scopes: () => scopesOf(values.scopes, owner, context.catalogue),
  })
  return { ...values, name, scopes, pin: [...new Set(values.pin)] }
}

function assertIssuer({ issuer, jwksUri }: TrustValues, { ownIssuers, allowLoopback }: RulesContext): void {
  if (ownIssuers.includes(issuer.replace(/\/$/, ''))) {
    throw invalid({ path: 'issuer', message: 'must be another issuer than this deployment' })
  }
  if (/[?#]/.test(issuer)) throw invalid({ path: 'issuer', message: 'must be a URL without query and fragment' })
  assertUrl('issuer', discoveryUrl(issuer), allowLoopback)
  if (jwksUri !== null) assertUrl('jwks_uri', jwksUri, allowLoopback)
}

function assertUrl(path: string, url: string, allowLoopback: boolean): void {
  try {
    parseDocumentUrl(url, { allowLoopback })
  } catch (error) {
    throw invalid({ path, message: `cannot be fetched: ${(error as Error).message}` })
  }
}

function assertAudience(audience: string): void {
  if (/^[\x21-\x7e]{1,255}$/.test(audience)) return
  throw invalid({ path: 'audience', message: 'must have 1 to 255 ASCII characters without spaces' })
}

function assertMatch(match: Readonly<Record<string, string>>): void {
  const entries = Object.entries(match)
  if (entries.length < 1 || entries.length > MAX_CLAIMS) {
    throw invalid({ path: 'match', message: `must have 1 to ${MAX_CLAIMS} claims` })
  }
  for (const [name, pattern] of entries) {
    const path = `match/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (!CLAIM.test(name)) throw invalid({ path: 'match', message: 'must have names of claims, without spaces' })
    if (pattern.length < 1 || pattern.length > MAX_VALUE) {
      throw invalid({ path, message: `must have 1 to ${MAX_VALUE} characters` })
    }
  }
  if (entries.every(([, pattern]) => /^[*:]*$/.test(pattern))) {
    throw invalid({ path: 'match', message: 'accepts every token of the issuer: give at least one claim a value' })
  }
}

function assertPin(pin: readonly string[]): void {
  if (pin.length <= MAX_CLAIMS && pin.every(name => CLAIM.test(name))) return
  throw invalid({ path: 'pin', message: `must have at most ${MAX_CLAIMS} names of claims` })
}

function assertLifetime(seconds: number): void {
  if (Number.isInteger(seconds) && seconds >= MIN_LIFETIME && seconds <= MAX_LIFETIME) return
  throw invalid({ path: 'lifetime', message: `must be ${MIN_LIFETIME} to ${MAX_LIFETIME} seconds` })
}

function assertOwner({ user, client }: TrustOwner): void {
  if (user && client) throw invalid({ path: 'client_id', message: 'cannot be combined with user_id' })
  if (!user && !client) throw invalid({ path: 'user_id', message: 'or client_id must name an active user or app' })
  if (user?.disabledAt) throw invalid({ path: 'user_id', message: 'must name an active user' })
  if (client && !client.isOperators()) {
    throw invalid({ path: 'client_id', message: 'must be an app that an operator registered' })
  }
}

/** Machines have no role, so they get no administrative scopes. */
function scopesOf(requested: readonly string[], { user, client }: TrustOwner, catalogue: Catalogue): string[] {
  const scopes = catalogue.resolve(requested)
  if (scopes.length === 0) throw invalid({ path: 'scopes', message: 'must have at least one scope' })
  const errors = scopes.flatMap((scope): FieldError[] => {
    if (NOT_GRANTED.includes(scope)) return [{ path: 'scopes', message: `${scope}: a trust cannot grant it` }]
    if (!isForRole(scope, user?.role)) {
      return [{ path: 'scopes', message: `${scope}: only administrators can have this scope` }]
    }
    if (client?.scopes && !catalogue.covers(client.scopes, scope)) {
      return [{ path: 'scopes', message: `${scope}: the app is not allowed this scope` }]
    }
    return []
  })
  if (errors.length > 0) throw invalid(...errors)
  return scopes
}
