import type { Client } from '../clients/client.entity.ts'
import type { Config } from '../config/config.ts'
import { badRequest } from '../errors/errors.ts'
import { texts } from './texts.ts'
import { formatDuration } from './times.ts'

/** The field of the consent form. */
export const ACCESS_FIELD = 'access_seconds'

/** 1 hour, 1 day, 30 days. */
const CHOICES = [3_600, 86_400, 2_592_000]
const DEFAULT = 86_400

/** One choice of how long a client may have access. */
export interface AccessChoice {
  /** Seconds; the value of the field. */
  seconds: number
  label: string
  isDefault: boolean
}

export type AccessConfig = Pick<Config, 'refreshTokenLifetime' | 'accessTokenLifetime'>

/** How long a client has access after one authorization, in seconds. */
export const longestAccess = (client: Client, config: AccessConfig): number =>
  client.grantTypes.includes('refresh_token')
    ? (client.refreshTokenLifetime ?? config.refreshTokenLifetime)
    : (client.accessTokenLifetime ?? config.accessTokenLifetime)

/** The choices for a client that says by itself who it is, as far as they make a difference; none for others. */
export function accessChoices(client: Client, config: AccessConfig): AccessChoice[] {
  if (!client.isSelfAsserted()) return []
  const longest = longestAccess(client, config)
  const shorter = CHOICES.filter(seconds => seconds < longest)
  if (shorter.length === 0) return []
  const all = CHOICES.includes(longest) ? [...shorter, longest] : shorter
  const preselected = all.includes(DEFAULT) ? DEFAULT : all.at(-1)
  return all.map(seconds => ({
    seconds,
    label: texts.consent.accessFor.choices[seconds] ?? formatDuration(seconds),
    isDefault: seconds === preselected,
  }))
}

/**
 * Reads the choice of a form.
 * @returns seconds; undefined if the form offered none
 * @throws 400 for a choice that the form did not offer
 */
export function chosenAccess(client: Client, field: string | undefined, config: AccessConfig): number | undefined {
  const offered = accessChoices(client, config)
  const choice = offered.find(({ seconds }) => String(seconds) === field)
  if (!choice && (field !== undefined || offered.length > 0))
    throw badRequest('The form does not say for how long the app may have access.')
  return choice?.seconds
}
