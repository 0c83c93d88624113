import type { Client } from '../../clients/client.entity.ts'
import type { ClientSettings } from '../../clients/rules.ts'
import type { Params } from '../../grants/grant.ts'

/** What the form of an app says; each checkbox is a field of its own. */
export interface AppFields {
  name: string
  confidential: boolean
  /** One on each line. */
  redirectUris: string
  grants: readonly string[]
  /** null: every scope but those of the administration. */
  scopes: readonly string[] | null
}

/** The grants that a person's app may use: to act for itself is for an operator to allow. */
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

/** Of the field that removes a scope for which the form has no box. */
export const removeField = (id: string) => `remove:${id}`

/**
 * What was filled in, whether it is right or not.
 * @param kept scopes that the app has and the form has no box for: they stay unless their removal is ticked
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
 * The same as settings of a client.
 * @param before the client as it is; one that proves who it is in some other way than by default goes on doing so
 */
export function settingsOf({ name, confidential, redirectUris, grants, scopes }: AppFields, before?: Client) {
  const authMethod = confidential ? confidentialMethod(before) : 'none'
  const uris = redirectUris.split(/\s+/).filter(Boolean)
  return { name, authMethod, redirectUris: uris, grantTypes: grants, scopes } satisfies ClientSettings
}

const confidentialMethod = (before?: Client) => (before?.isConfidential() ? before.authMethod : 'client_secret_basic')
