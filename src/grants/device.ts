import { UniqueConstraintViolationException } from '@mikro-orm/postgresql'
import type { ClientAuthentication } from '../clients/authenticate.ts'
import type { Client } from '../clients/client.entity.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database, Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { conflict } from '../errors/errors.ts'
import { shownToUser } from '../errors/protocol.ts'
import type { Peer } from '../http/forwarded.ts'
import { hashSecret, newSecret } from '../security/secrets.ts'
import { sweep } from '../tokens/prune.ts'
import type { Throttle } from '../users/throttle.ts'
import type { Role } from '../users/user.entity.ts'
import { grantConsent } from './consents.ts'
import { DeviceCode } from './device.entity.ts'
import type { GrantRequest } from './grant.ts'
import { lockLiveUser } from './live-user.ts'
import type { ClientPolicy } from './policy.ts'
import { newUserCode, readUserCode, showUserCode } from './user-code.ts'

/** RFC 8628 §3.2. */
export interface DeviceAuthorizationResponse {
  device_code: string
  /** Formatted for display. */
  user_code: string
  verification_uri: string
  verification_uri_complete: string
  /** Seconds. */
  expires_in: number
  /** Seconds between polls. */
  interval: number
}

/** A device authorization that waits for the user's decision. */
export interface DeviceRequest {
  id: string
  client: Client
  scopes: string[]
  audience: string | null
  expiresAt: Date
}

export interface Device {
  /**
   * Starts a device authorization.
   * @throws 400 `invalid_scope`, `invalid_target`
   */
  start(request: GrantRequest): Promise<DeviceAuthorizationResponse>
  /**
   * Finds the pending authorization of a user code that was typed or contained in a link. Wrong codes count against a limit.
   * @param peer the address of the request
   * @returns undefined for a code that is unknown, expired or already decided
   * @throws 429 with `Retry-After`
   */
  find(userCode: string, peer: Peer): Promise<DeviceRequest | undefined>
  /**
   * Approves the authorization.
   * @param scopes the requested scopes that the user grants; undefined: all
   * @param accessSeconds for how long the user allows access; undefined: as long as the client's tokens last
   * @throws 409 if it is no longer pending
   */
  approve(
    id: string,
    user: { id: string; role: Role; allowedScopes?: string[] | null | undefined },
    scopes?: readonly string[],
    accessSeconds?: number,
  ): Promise<void>
  /** Denies the authorization. @throws 409 if it is no longer pending */
  deny(id: string, user: { id: string }): Promise<void>
}

export interface DeviceOptions {
  bus: Pick<InvalidationBus, 'transaction'>
  clientAuthentication: Pick<ClientAuthentication, 'find'>
  db: Database
  policy: ClientPolicy
  throttle: Pick<Throttle, 'limitUserCode'>
  config: Pick<Config, 'issuer' | 'deviceCodeLifetime' | 'consentLifetime'>
  /** Generates user codes. */
  newUserCode?: () => string
}

/** The initial number of seconds between polls (RFC 8628 §3.2). */
const INTERVAL = 5
/** User codes are short, so a collision with another device is possible: generates a new one then. */
const MAX_ATTEMPTS = 5

export function createDevice({
  bus,
  clientAuthentication,
  db,
  policy,
  throttle,
  config,
  newUserCode: generateCode = newUserCode,
}: DeviceOptions): Device {
  const findClient = async ({ client, clientUrl }: DeviceCode) => {
    try {
      return await clientAuthentication.find(clientUrl ?? client)
    } catch (error) {
      throw shownToUser(error)
    }
  }

  async function findPending(userCode: string): Promise<DeviceRequest | undefined> {
    const userCodeHash = hashSecret(userCode)
    const device = await db.run(em => em.findOne(DeviceCode, { ...isPending(), userCodeHash }))
    const client = device && (await findClient(device))
    if (!client) return undefined
    const { id, scopes, audience, expiresAt } = device
    return { id, client, scopes, audience, expiresAt }
  }

  return {
    async start({ client, params }) {
      const text = newSecret()
      const now = Date.now()
      const grantTarget = await policy.grantTarget(params.resource)
      const audience = grantTarget.requested ?? null
      const { scopes } = grantTarget.resolve(policy.scopes(client, policy.dropUnknown(client, params.scope)), audience)
      const code = {
        id: newId(),
        hash: hashSecret(text),
        client: client.id,
        clientUrl: client.metadataUrl,
        user: null,
        scopes,
        audience,
        accessUntil: null,
        state: 'pending',
        interval: INTERVAL,
        lastPolledAt: null,
        createdAt: new Date(now),
        expiresAt: new Date(now + config.deviceCodeLifetime * 1000),
      } satisfies Omit<DeviceCode, 'userCodeHash'>
      const userCode = await store(db, code, generateCode)
      await sweep(db, 'oauth_device_codes')
      return toDeviceResponse(text, showUserCode(userCode), config)
    },

    find: (text, peer) => {
      const userCode = readUserCode(text)
      return throttle.limitUserCode(peer, async () => (userCode === undefined ? undefined : findPending(userCode)))
    },

    async approve(id, { id: user, role, allowedScopes }, chosen, accessSeconds) {
      const pending = await db.run(em => em.findOne(DeviceCode, { ...isPending(), id }))
      const client = pending && (await findClient(pending))
      if (!client) throw notPending()
      await bus.transaction(async (em, publish) => {
        await lockLiveUser(em, user)
        await decide(em, id, { state: 'approved', user })
        const device = await em.findOneOrFail(DeviceCode, { id })
        if (accessSeconds !== undefined) device.accessUntil = new Date(Date.now() + accessSeconds * 1000)
        const allowed = policy.limit(policy.downscope(client, device.scopes, undefined, role), { allowedScopes })
        const scopes = chosen ? allowed.filter(scope => chosen.includes(scope)) : allowed
        if (chosen) device.scopes = scopes
        const consent = { user, client, audience: device.audience, scopes, accessSeconds }
        await grantConsent(em, publish, consent, config.consentLifetime)
      })
    },

    deny: (id, { id: user }) => db.transaction(em => decide(em, id, { state: 'denied', user })),
  }
}

/** Stores a device code with a new user code. @returns the user code */
async function store(
  db: Database,
  code: Omit<DeviceCode, 'userCodeHash'>,
  generateCode: () => string,
  attempts = MAX_ATTEMPTS,
): Promise<string> {
  const userCode = generateCode()
  try {
    await db.run(em => em.insert(DeviceCode, { ...code, userCodeHash: hashSecret(userCode) }))
    return userCode
  } catch (error) {
    if (attempts === 1 || !(error instanceof UniqueConstraintViolationException)) throw error
    return store(db, code, generateCode, attempts - 1)
  }
}

const notPending = () => conflict('The device authorization is no longer pending. Start again on the device.')

/** @throws 409 if it is no longer pending */
async function decide(em: Em, id: string, values: Pick<DeviceCode, 'state' | 'user'>): Promise<void> {
  const changed = await em.nativeUpdate(DeviceCode, { ...isPending(), id }, values)
  if (changed === 0) throw notPending()
}

const isPending = () => ({ state: 'pending' as const, expiresAt: { $gt: new Date() } })

function toDeviceResponse(
  text: string,
  userCode: string,
  config: DeviceOptions['config'],
): DeviceAuthorizationResponse {
  const uri = `${config.issuer}/device`
  return {
    device_code: text,
    user_code: userCode,
    verification_uri: uri,
    verification_uri_complete: `${uri}?user_code=${userCode}`,
    expires_in: config.deviceCodeLifetime,
    interval: INTERVAL,
  }
}
