import { type Client, TOKEN_FORMATS, type TokenFormat } from '../../clients/client.entity.ts'
import type { ClientSettings } from '../../clients/rules.ts'
import type { Params } from '../../grants/grant.ts'

/** The values of the form of an app. Each checkbox has a field name of its own. */
export interface AppFields {
  name: string
  confidential: boolean
  /** One per line. */
  redirectUris: string
  grants: readonly string[]
  /** null: every scope except the administrative ones. */
  scopes: readonly string[] | null
  /** Of an app of the deployment: the URI of its API, if it is a resource server. */
  audience: string
  format: TokenFormat
}

/** The grant types of a user's app. Only operators can allow client_credentials. */
export const GRANTS = [
  'authorization_code',
  'refresh_token',
  'urn:ietf:params:oauth:grant-type:device_code',
  'urn:ietf:params:oauth:grant-type:token-exchange',
] as const

export const EMPTY: AppFields = {
  name: '',
  confidential: true,
  redirectUris: '',
  grants: ['authorization_code', 'refresh_token'],
  scopes: null,
  audience: '',
  format: 'jwt',
}

export const fieldsOf = (client: Client): AppFields => ({
  name: client.name,
  confidential: client.isConfidential(),
  redirectUris: client.redirectUris.join('\n'),
  grants: client.grantTypes,
  scopes: client.scopes,
  audience: client.audience ?? '',
  format: client.tokenFormat,
})

/** Name of the field that removes a scope without a checkbox. */
export const removeField = (id: string) => `remove:${id}`

/**
 * The values of a submitted form, not validated.
 * @param kept scopes of the app without a checkbox: they stay unless their removal is checked
 */
export function readFields(body: Params, kept: readonly string[] = []): AppFields {
  const left = kept.filter(id => body[removeField(id)] === undefined)
  const checked = (prefix: string) =>
    Object.keys(body).flatMap(name => (name.startsWith(prefix) ? [name.slice(prefix.length)] : []))
  return {
    name: body.name ?? '',
    confidential: body.kind !== 'public',
    redirectUris: body.redirect_uris ?? '',
    grants: checked('grant:'),
    scopes: body.scope_choice === 'these' ? [...new Set([...checked('scope:'), ...left])] : null,
    audience: body.audience?.trim() ?? '',
    format: TOKEN_FORMATS.find(format => format === body.token_format) ?? 'jwt',
  }
}

/**
 * Converts the form to settings of a client.
 * @param before the existing client; it keeps its authentication method
 */
export function settingsOf({ name, confidential, redirectUris, grants, scopes }: AppFields, before?: Client) {
  const authMethod = confidential ? confidentialMethod(before) : 'none'
  const uris = redirectUris.split(/\s+/).filter(Boolean)
  return { name, authMethod, redirectUris: uris, grantTypes: grants, scopes } satisfies ClientSettings
}

/** As `settingsOf`, with the settings that only operators can make. */
export const operatorSettingsOf = (fields: AppFields, before?: Client) =>
  ({
    ...settingsOf(fields, before),
    audience: fields.audience || null,
    tokenFormat: fields.format,
  }) satisfies ClientSettings

const confidentialMethod = (before?: Client) => (before?.isConfidential() ? before.authMethod : 'client_secret_basic')
