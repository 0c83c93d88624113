import { StartupError } from '../errors/errors.ts'
import * as kinds from './kinds.ts'
import { fromEnvironment, fromOption } from './read.ts'
import type { Environment } from './secret.ts'

/** An OpenID provider that users sign in with. */
export interface OidcProvider {
  /** Part of the paths of this provider: `1` for the first one. */
  key: string
  issuer: string
  clientId: string
  clientSecret: string | undefined
  /** A private key in PEM (PKCS #8), for `private_key_jwt`. */
  privateKey: string | undefined
  scopes: string
  /** The name on the button. */
  label: string
  /** `jit`: a user is created at the first sign-in. `existing`: only users whom an administrator linked may sign in. */
  provision: 'jit' | 'existing'
  /** Whose claim has this value is an administrator; undefined: the provider says nothing about that. */
  admins: { claim: string; value: string } | undefined
  /** The claim that is the `externalId` of the person in the directory, such as `sub` or `oid`; undefined: none is. */
  externalId?: string | undefined
  /** `verified_email`: an existing user with the same confirmed address is taken over at the first sign-in. */
  link: 'none' | 'verified_email'
}

/** A provider as an option of `openPostern`. */
export type OidcProviderOptions = Pick<OidcProvider, 'issuer' | 'clientId'> & Partial<Omit<OidcProvider, 'key'>>

/** The variables of a provider, after `OIDC_` or `OIDC_2_`. */
export const PROVIDER_SETTINGS = {
  clientId: { variable: 'CLIENT_ID', kind: kinds.line },
  clientSecret: { variable: 'CLIENT_SECRET', kind: kinds.secretLine },
  privateKey: { variable: 'PRIVATE_KEY', kind: kinds.privateKey },
  scopes: { variable: 'SCOPES', kind: kinds.line },
  label: { variable: 'LABEL', kind: kinds.line },
  provision: { variable: 'PROVISION', kind: kinds.oneOf(['jit', 'existing']) },
  admins: { variable: 'ADMINS', kind: kinds.claimValue },
  externalId: { variable: 'EXTERNAL_ID', kind: kinds.line },
  link: { variable: 'LINK', kind: kinds.oneOf(['none', 'verified_email']) },
} as const

const ISSUER = { variable: 'ISSUER', kind: kinds.providerUrl }
const MAX_PROVIDERS = 9

/**
 * Reads the providers from the options of `openPostern`, else from the environment: `OIDC_ISSUER` and so on, then
 * `OIDC_2_ISSUER` up to `OIDC_9_ISSUER`.
 * @throws StartupError that names the first invalid variable
 */
export function readProviders(env: Environment, options: readonly OidcProviderOptions[] | undefined): OidcProvider[] {
  if (options) return options.map((option, i) => toProvider(i + 1, name => readOption(option, name)))
  const providers: OidcProvider[] = []
  for (let number = 1; number <= MAX_PROVIDERS; number++) {
    const read = (name: SettingName) => fromEnvironment(prefixed(number, name), env)
    if (read('issuer') !== undefined) providers.push(toProvider(number, read))
  }
  return providers
}

type SettingName = 'issuer' | keyof typeof PROVIDER_SETTINGS

function prefixed(number: number, name: SettingName) {
  const { variable, kind } = name === 'issuer' ? ISSUER : PROVIDER_SETTINGS[name]
  return { variable: `${prefix(number)}${variable}`, kind: kind as kinds.Kind }
}

const prefix = (number: number) => (number === 1 ? 'OIDC_' : `OIDC_${number}_`)

function readOption(option: OidcProviderOptions, name: SettingName): unknown {
  const value = (option as Record<string, unknown>)[name]
  return value === undefined ? undefined : fromOption(name, prefixed(1, name), option)
}

function toProvider(number: number, read: (name: SettingName) => unknown): OidcProvider {
  const values = {} as Record<SettingName, never>
  for (const name of ['issuer', ...Object.keys(PROVIDER_SETTINGS)] as SettingName[]) values[name] = read(name) as never
  const { clientId, clientSecret, privateKey } = values
  if (clientId === undefined)
    throw new StartupError(`${prefix(number)}CLIENT_ID is required with ${prefix(number)}ISSUER.`)
  if ((clientSecret === undefined) === (privateKey === undefined)) {
    throw new StartupError(`Set one of ${prefix(number)}CLIENT_SECRET and ${prefix(number)}PRIVATE_KEY.`)
  }
  return {
    key: String(number),
    ...values,
    scopes: values.scopes ?? 'openid profile email',
    label: values.label ?? new URL(values.issuer).host,
    provision: values.provision ?? 'jit',
    link: values.link ?? 'none',
  }
}
