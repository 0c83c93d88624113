import type { Client } from '../../clients/client.entity.ts'
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
}

export const fieldsOf = (client: Client): AppFields => ({
  name: client.name,
  confidential: client.isConfidential(),
  redirectUris: client.redirectUris.join('\n'),
  grants: client.grantTypes,
  scopes: client.scopes,
})

/** Name of the field that removes a scope without a checkbox. */
export const removeField = (id: string) => `remove:${id}`

/**
 * The values of a submitted form, not validated.
 * @param kept scopes of the app without a checkbox: they stay unless their removal is checked
 */
export function readFields(body: Params, kept: readonly string[] = []): AppFields {
  const left = kept.filter(id => body[removeField(id)] === undefined)
  const ticked = (prefix: string) =>
    Object.keys(body).flatMap(name => (name.startsWith(prefix) ? [name.slice(prefix.length)] : []))
  return {
    name: body.name ?? '',
    confidential: body.kind !== 'public',
    redirectUris: body.redirect_uris ?? '',
    grants: ticked('grant:'),
    scopes: body.scope_choice === 'these' ? [...new Set([...ticked('scope:'), ...left])] : null,
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

const confidentialMethod = (before?: Client) => (before?.isConfidential() ? before.authMethod : 'client_secret_basic')
