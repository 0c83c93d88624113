import type { Params } from '../../grants/grant.ts'
import type { TrustSettings } from '../../trusts/rules.ts'
import type { Trust } from '../../trusts/trust.entity.ts'
import { chosenScopes } from '../scope-choice.ts'

/** The values of the form of a trust, as text. */
export interface TrustFields {
  name: string
  issuer: string
  jwksUri: string
  audience: string
  /** `claim=value`, one per line. */
  match: string
  /** Names of claims, one per line. */
  pin: string
  /** E-mail address. */
  user: string
  /** Client id. */
  client: string
  scopes: readonly string[]
  /** Minutes. */
  lifetime: string
}

export const EMPTY: TrustFields = {
  name: '',
  issuer: '',
  jwksUri: '',
  audience: '',
  match: '',
  pin: '',
  user: '',
  client: '',
  scopes: [],
  lifetime: '15',
}

/** @param email the e-mail address of its user */
export const fieldsOf = (trust: Trust, email: string | undefined): TrustFields => ({
  name: trust.name,
  issuer: trust.issuer,
  jwksUri: trust.jwksUri ?? '',
  audience: trust.audience,
  match: Object.entries(trust.match)
    .map(pair => pair.join('='))
    .join('\n'),
  pin: trust.pin.join('\n'),
  user: email ?? '',
  client: trust.client ?? '',
  scopes: trust.scopes,
  lifetime: String(trust.lifetime / 60),
})

/** The values of a submitted form, not validated. */
export const sentFields = (body: Params): TrustFields => ({
  name: body.name ?? '',
  issuer: body.issuer?.trim() ?? '',
  jwksUri: body.jwks_uri?.trim() ?? '',
  audience: body.audience?.trim() ?? '',
  match: body.match ?? '',
  pin: body.pin ?? '',
  user: body.user?.trim() ?? '',
  client: body.client?.trim() ?? '',
  scopes: chosenScopes(body),
  lifetime: body.lifetime ?? '',
})

/**
 * The settings that the fields describe.
 * @param userId id of the user; undefined: none is named
 * No claims for a line that is no claim and value: `badLine`.
 */
export function settingsOf(fields: TrustFields, userId: string | undefined): TrustSettings {
  return {
    name: fields.name || undefined,
    issuer: fields.issuer,
    jwksUri: fields.jwksUri || null,
    audience: fields.audience || undefined,
    match: claimsOf(fields.match),
    pin: lines(fields.pin),
    userId,
    clientId: fields.client || undefined,
    scopes: fields.scopes,
    lifetime: Math.round(Number(fields.lifetime) * 60),
  }
}

const lines = (text: string) =>
  text
    .split(/\r?\n/)
    .map(line => line.trim())
    .filter(Boolean)

/** The claims; none if a line is not `claim=value`, so that the rules refuse them together with everything else. */
const claimsOf = (text: string): Record<string, string> =>
  badLine(text) === undefined ? Object.fromEntries(lines(text).map(toClaim)) : {}

/** The first line that is not `claim=value`. */
export const badLine = (match: string): string | undefined => lines(match).find(line => line.indexOf('=') <= 0)

function toClaim(line: string): [string, string] {
  const at = line.indexOf('=')
  return [line.slice(0, at).trim(), line.slice(at + 1).trim()]
}
