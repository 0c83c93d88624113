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
import { DeviceCode } from './device.entity.ts'
import type { Grant } from './grant.ts'
import type { IssueForGrant } from './issue.ts'
import { lockLiveUser } from './live-user.ts'
import type { ClientPolicy, GrantTarget } from './policy.ts'

export interface DeviceGrantOptions {
  db: Database
  policy: ClientPolicy
  issueForGrant: IssueForGrant
}

export const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
const INVALID_CODE = 'The device code is unknown, already used, or was issued to another client.'
/** Network jitter may make a device that respects the interval poll slightly early. */
const POLL_TOLERANCE_MS = 500

/** The grant type with which a device polls for the user's decision (RFC 8628 §3.4). */
export function deviceGrant({ db, policy, issueForGrant }: DeviceGrantOptions): Grant {
  /** @returns undefined if a concurrent request has redeemed the code */
  async function redeem(em: Em, client: Client, device: DeviceCode, grantTarget: GrantTarget) {
    const user = await lockLiveUser(em, device.user as string)
    if (!(await claim(em, device))) return undefined
    const scopes = policy.limit(policy.downscope(client, device.scopes, undefined, user.role), user)
    const granted = { grant: device.id, user: user.id, subject: user.subject, scopes, audience: device.audience }
    const target = grantTarget.resolve(scopes, grantTarget.narrow(device.audience))
    return issueForGrant(em, client, DEVICE_CODE, granted, target, device.accessUntil)
  }

  return async ({ client, params: { device_code: text, resource } }) => {
    if (text === undefined) throw invalidRequest('device_code is missing.')
    const grantTarget = await policy.grantTarget(resource)
    const outcome = await db.transaction(async em => {
      const device = await em.findOne(DeviceCode, { hash: hashSecret(text), client: client.id })
      if (!device) throw invalidGrant(INVALID_CODE)
      grantTarget.narrow(device.audience)
      const response = device.state === 'approved' ? await redeem(em, client, device, grantTarget) : undefined
      return response ?? { refusal: await refusal(em, device) }
    })
    // Thrown outside the transaction, so that the time of the poll is committed.
    if ('refusal' in outcome) throw outcome.refusal
    return outcome
  }
}

/** A single statement, so that only one of several concurrent requests succeeds. */
async function claim(em: Em, { id }: DeviceCode): Promise<boolean> {
  const approved = { id, state: 'approved' as const, expiresAt: { $gt: new Date() } }
  return (await em.nativeUpdate(DeviceCode, approved, { state: 'redeemed' })) === 1
}

/** RFC 8628 §3.5. */
async function refusal(em: Em, { id }: DeviceCode): Promise<PosternError> {
  const { state, expiresAt, interval } = await em.findOneOrFail(DeviceCode, { id }, { refresh: true })
  if (state === 'redeemed') return invalidGrant(INVALID_CODE)
  if (expiresAt.getTime() <= Date.now()) return expiredToken('The user did not respond in time. Start again.')
  if (state === 'denied') return accessDenied('The user denied access.')
  return (await registerPoll(em, id, interval)) ? authorizationPending() : slowDown(await increaseInterval(em, id))
}

/** Records the poll. @returns false if it came too soon after the previous one */
async function registerPoll(em: Em, id: string, interval: number): Promise<boolean> {
  const now = Date.now()
  const latestAllowed = new Date(now - interval * 1000 + POLL_TOLERANCE_MS)
  const due = { id, $or: [{ lastPolledAt: null }, { lastPolledAt: { $lte: latestAllowed } }] }
  return (await em.nativeUpdate(DeviceCode, due, { lastPolledAt: new Date(now) })) === 1
}

/** @returns the new interval in seconds */
async function increaseInterval(em: Em, id: string): Promise<number> {
  const [row] = await em.execute<{ interval: number }[]>(
    'update oauth_device_codes set "interval" = "interval" + 5, last_polled_at = ? where id = ? returning "interval"',
    [new Date(), id],
  )
  return row?.interval as number
}
