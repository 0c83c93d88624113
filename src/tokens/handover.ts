import { LockMode } from '@mikro-orm/postgresql'
import type { Token } from '../../packages/guard/src/token.ts'
import { writeAudit } from '../audit/audit.ts'
import type { Clients } from '../clients/clients.ts'
import type { InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Em } from '../database/database.ts'
import { conflict, invalid, notFound } from '../errors/errors.ts'
import { earlierOf } from '../http/time.ts'
import type { Mail } from '../mail/mail.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { isUuid } from '../text/uuid.ts'
import { maintainersOf } from '../users/maintainers.ts'
import type { OwnUsers } from '../users/own-users.ts'
import { assertStillSignedIn } from '../users/sessions.ts'
import { User } from '../users/user.entity.ts'
import { insertToken } from './insert.ts'
import { assertMayGrant, lastRotation, wholeSeconds } from './limits.ts'
import type { Mint } from './mint.ts'
import { RIGHT_LOST, reduceScopes } from './owner.ts'
import { publishTokenChange } from './parent.ts'
import { passOn } from './pass-on.ts'
import { revokeTokens } from './revoke.ts'
import { assertLive } from './rotate.ts'
import { AccessToken, type ShownToken } from './token.entity.ts'

/** A token that has another owner now. */
export interface HandedOver {
  /** The token of the new owner: the same row, or for a JWT the one that replaces it. */
  token: ShownToken
  /** The text of the token that replaces a JWT; undefined: the text that is in use goes on working. */
  plainText?: string
  /** Scopes that the new owner may not have, and that the token lost. */
  droppedScopes: string[]
}

/**
 * Gives a personal access token to another person or service account, in one transaction. An opaque token keeps its text. A
 * JWT names its user in `sub`, so it is revoked, and a new one replaces it. The token loses its ties to what issued it, so
 * that nothing of the former owner ends it. Tokens that were exchanged for it are revoked, since they name the former owner.
 * @param granting the token of the administrator, which must have the administrative scopes that are handed over
 * @throws 404 if there is no such personal token; 409 if it has ended, is suspended, or the new owner is disabled; 422 for a new owner
 *   that does not exist or has the token already; 403 for administrative scopes that `granting` lacks
 */
export type HandOver = (id: string, newOwnerId: string, granting: Token) => Promise<HandedOver>

export interface HandOverOptions {
  bus: InvalidationBus
  catalogue: Catalogue
  clients: Pick<Clients, 'personalAccess'>
  mint: Mint
  mail: Mail
  ownUsers: Pick<OwnUsers, 'confirmRow'>
  config: Pick<Config, 'tokenMaxLifetime' | 'tokenFamilyLifetime'>
}

type Handed = Omit<HandedOver, 'droppedScopes'>

interface Handing {
  em: Em
  publish: Publish
  /** The locked row. */
  token: AccessToken
  /** The former owner. */
  from: string
  to: User
  /** The scopes that are left. */
  scopes: string[]
}

export function createHandOver({ bus, catalogue, clients, mint, mail, ownUsers, config }: HandOverOptions): HandOver {
  /** The text names no owner, so the row gets another one. Guards ask the issuer about the token from now on. */
  async function move({ em, publish, token, to, scopes }: Handing): Promise<Handed> {
    await revokeTokens(em, publish, { parent: token.id })
    // What it replaced would take it along.
    await revokeTokens(em, publish, { successor: token.id }, { withSuccessor: false })
    const changed = { user: to.id, scopes, issuedBy: null, session: null, changed: true, updatedAt: new Date() }
    em.assign(token, changed)
    await em.flush()
    await publishTokenChange(em, publish, token.id)
    return { token }
  }

  /** The new owner gets a token with the rest of the family's time. */
  async function replace({ em, publish, token, from, to, scopes }: Handing): Promise<Handed> {
    if (token.suspended) throw conflict('The token is suspended: resume it before handing it over.')
    const { client, name, format, audience } = token
    const familyExpiresAt = token.familyExpiresAt ?? lastRotation(token.createdAt, config)
    const expiresAt = expiryOf(token, familyExpiresAt, config)
    const family = token.family ?? token.id
    const issued = await mint({
      user: to.id,
      subject: to.subject,
      client,
      name,
      format,
      audience,
      scopes,
      expiresAt,
      family,
      familyExpiresAt,
    })
    const details = { replaces: token.id, handed_over_from: from }
    if (!(await insertToken(em, issued.token, { details }))) throw conflict(RIGHT_LOST)
    await passOn(em, [token.id], issued.token.id)
    await revokeTokens(em, publish, { id: token.id }, { withSuccessor: false })
    return issued
  }

  async function tell(em: Em, to: User, name: string): Promise<void> {
    const account = to.kind === 'service' ? to.name : undefined
    for (const user of account === undefined ? [to.id] : await maintainersOf(em, to.id)) {
      await mail.enqueue(em, 'token_handed_over', { user, name, ...(account && { account }) })
    }
  }

  return async (id, newOwnerId, granting) => {
    await ownUsers.confirmRow(newOwnerId)
    return bus.transaction(async (em, publish) => {
      const client = (await clients.personalAccess()).id
      const where = { id, client, parent: null, user: { $ne: null } }
      const found = isUuid(id) ? await em.findOne(AccessToken, where as never) : null
      if (!found?.user) throw notFound('personal access token')
      const from = found.user
      const to = await lockOwners(em, from, newOwnerId)
      await assertStillSignedIn(em)
      const token = await em.findOne(
        AccessToken,
        { id, user: from },
        { lockMode: LockMode.PESSIMISTIC_WRITE, refresh: true },
      )
      if (!token) throw conflict('The token was handed over at the same time.')
      assertLive(token)
      if (token.successor !== null)
        throw conflict(`The token was replaced by ${token.successor}: hand that one over, this one ends by itself.`)
      const scopes = reduceScopes(token.scopes, to, catalogue.inherit)
      assertMayGrant(granting, scopes)
      const droppedScopes = token.scopes.filter(scope => !scopes.includes(scope))
      const { name, client: clientId } = token
      const handing = { em, publish, token, from, to, scopes }
      const handed = await (token.format === 'jwt' ? replace(handing) : move(handing))
      const details = { name, from, to: to.id, dropped_scopes: droppedScopes, token: handed.token.id }
      for (const userId of [from, to.id])
        writeAudit(em, { kind: 'token.handed_over', userId, clientId, tokenId: token.id, details })
      await tell(em, to, name ?? '')
      return { ...handed, droppedScopes }
    })
  }
}

/**
 * Locks both owners until the transaction ends, service accounts first, as whoever disables a maintainer does.
 * @returns the new owner
 * @throws 422 if there is none; 409 if it is disabled
 */
async function lockOwners(em: Em, from: string, to: string): Promise<User> {
  if (!isUuid(to)) throw invalid({ path: 'user_id', message: 'is not the id of a user or a service account' })
  if (to.toLowerCase() === from) throw invalid({ path: 'user_id', message: 'owns the token already' })
  const options = { lockMode: LockMode.PESSIMISTIC_READ, orderBy: { kind: 'desc', id: 'asc' } } as const
  const users = await em.find(User, { id: { $in: [from, to] } }, options)
  const owner = users.find(({ id }) => id === to.toLowerCase())
  if (!owner) throw invalid({ path: 'user_id', message: 'is not the id of a user or a service account' })
  if (owner.disabledAt) throw conflict(`${owner.name} is disabled: enable this owner first, or choose another one.`)
  return owner
}

/** The lifetime that it had, from now on; no later than its family. @throws 409 if that is over */
function expiryOf(
  { createdAt, expiresAt }: AccessToken,
  familyExpiresAt: Date,
  { tokenMaxLifetime }: HandOverOptions['config'],
): Date {
  const lifetime = Math.min(expiresAt.getTime() - createdAt.getTime(), tokenMaxLifetime * 1000)
  return wholeSeconds(earlierOf(new Date(Date.now() + lifetime), familyExpiresAt).getTime())
}
