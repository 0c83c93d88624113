import type { Client } from '../clients/client.entity.ts'
import type { Database, Em } from '../database/database.ts'
import type { PosternError } from '../errors/errors.ts'
import {
  accessDenied,
  authorizationPending,
  expiredToken,
  invalidGrant,
  invalidRequest,
  slowDown,
} from '../errors/protocol.ts'
import { hashSecret } from '../security/secrets.ts'
import type { Begin } from './begin.ts'
import { DeviceCode } from './device.entity.ts'
import type { Grant } from './grant.ts'
import { liveUser } from './live-user.ts'
import type { GrantAim, Terms } from './terms.ts'

export interface DeviceGrantOptions {
  db: Database
  terms: Terms
  begin: Begin
}

export const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
const DEAD = 'The device code is unknown, used, or of another client.'
/** A device that keeps to the interval may be early by what the network does. */
const EARLY_MS = 500

/** The grant by which a device asks whether its user has answered (RFC 8628 §3.4). */
export function deviceGrant({ db, terms, begin }: DeviceGrantOptions): Grant {
  /** @returns undefined when somebody else was faster */
  async function redeem(em: Em, client: Client, device: DeviceCode, aim: GrantAim) {
    const user = await liveUser(em, device.user as string)
    if (!(await claim(em, device))) return undefined
    const scopes = terms.narrowed(client, device.scopes, undefined, user.role)
    const given = { grant: device.id, user: user.id, scopes, audience: device.audience }
    return begin(em, client, DEVICE_CODE, given, aim.at(scopes, aim.narrow(device.audience)))
  }

  return async ({ client, params: { device_code: text, resource } }) => {
    if (text === undefined) throw invalidRequest('device_code is missing.')
    const aim = await terms.aim(resource)
    const outcome = await db.transaction(async em => {
      const device = await em.findOne(DeviceCode, { hash: hashSecret(text), client: client.id })
      if (!device) throw invalidGrant(DEAD)
      aim.narrow(device.audience)
      const answer = device.state === 'approved' ? await redeem(em, client, device, aim) : undefined
      return answer ?? { refusal: await refusal(em, device) }
    })
    // Thrown out here, since that it asked too soon has to be remembered.
    if ('refusal' in outcome) throw outcome.refusal
    return outcome
  }
}

/** The one statement that decides who wins. */
async function claim(em: Em, { id }: DeviceCode): Promise<boolean> {
  const approved = { id, state: 'approved' as const, expiresAt: { $gt: new Date() } }
  return (await em.nativeUpdate(DeviceCode, approved, { state: 'redeemed' })) === 1
}

/** RFC 8628 §3.5. */
async function refusal(em: Em, { id }: DeviceCode): Promise<PosternError> {
  const { state, expiresAt, interval } = await em.findOneOrFail(DeviceCode, { id }, { refresh: true })
  if (state === 'redeemed') return invalidGrant(DEAD)
  if (expiresAt.getTime() <= Date.now()) return expiredToken('The user did not answer in time. Start again.')
  if (state === 'denied') return accessDenied('The user denied access.')
  return (await polled(em, id, interval)) ? authorizationPending() : slowDown(await slowed(em, id))
}

/** Notes the poll. @returns false when it came too soon after the one before */
async function polled(em: Em, id: string, interval: number): Promise<boolean> {
  const now = Date.now()
  const before = new Date(now - interval * 1000 + EARLY_MS)
  const due = { id, $or: [{ lastPolledAt: null }, { lastPolledAt: { $lte: before } }] }
  return (await em.nativeUpdate(DeviceCode, due, { lastPolledAt: new Date(now) })) === 1
}

/** @returns the seconds between polls from now on */
async function slowed(em: Em, id: string): Promise<number> {
  const [row] = await em.execute<{ interval: number }[]>(
    'update oauth_device_codes set "interval" = "interval" + 5, last_polled_at = ? where id = ? returning "interval"',
    [new Date(), id],
  )
  return row?.interval as number
}
