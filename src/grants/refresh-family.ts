import { randomBytes } from 'node:crypto'
import type { Announce } from '../changes/changes.ts'
import type { Client } from '../clients/client.entity.ts'
import type { Em } from '../database.ts'
import { newId } from '../ids.ts'
import { retire } from '../tokens/retire.ts'
import { hashText } from '../tokens/text.ts'
import { AuthCode } from './code.entity.ts'
import { DeviceCode } from './device.entity.ts'
import { RefreshToken } from './refresh.entity.ts'

/** What a refresh token stands for. */
export interface Family {
  /** Id of the grant: of the code or device code that began it. */
  grant: string
  /** Id of the access token that it is given with. */
  accessToken: string
  /** Id. */
  user: string
  client: Pick<Client, 'id' | 'refreshTokenLifetime'>
  scopes: string[]
  audience: string | null
}

/** 256 random bits behind a prefix that secret scanners find: `post_` makes `postr_`. */
export const newRefreshText = (tokenPrefix: string) =>
  tokenPrefix.replace(/_$/, 'r_') + randomBytes(32).toString('base64url')

/** Stores a link of a family in the transaction of `em`. */
export async function addLink(em: Em, family: Family, text: string, expiresAt: Date): Promise<void> {
  await em.insert(RefreshToken, {
    ...family,
    id: newId(),
    client: family.client.id,
    hash: hashText(text),
    revoked: false,
    usedAt: null,
    replay: null,
    createdAt: new Date(),
    expiresAt,
  })
}

/** Which grants end: one, all that a user gave, or all that a user gave a client. */
export type GrantsOf = { grant: string } | { user: string; client?: string }

/**
 * Ends grants in the transaction of `em`: their access and refresh tokens die, and codes that were not redeemed yet give
 * nothing any more. With a user this takes the tokens along that came without a grant.
 * @returns how many access tokens died
 */
export async function endGrants(em: Em, announce: Announce, of: GrantsOf): Promise<number> {
  await lockUser(em, of)
  if ('user' in of) await spoilCodes(em, of)
  const died = await retire(em, announce, of)
  await em.nativeUpdate(RefreshToken, { ...of, revoked: false }, { revoked: true, replay: null })
  return died.length
}

/**
 * Whoever redeems something holds its user's row shared, so this waits for what is under way, and the statements that
 * follow see what it made; who comes later finds nothing to redeem.
 */
const lockUser = (em: Em, of: GrantsOf) =>
  'user' in of
    ? em.execute('select id from users where id = ? for no key update', [of.user])
    : em.execute(
        `select id from users where id in (select user_id from oauth_refresh_tokens where grant_id = ?)
         for no key update`,
        [of.grant],
      )

async function spoilCodes(em: Em, of: { user: string; client?: string }): Promise<void> {
  await em.nativeUpdate(AuthCode, { ...of, usedAt: null }, { usedAt: new Date() })
  await em.nativeUpdate(DeviceCode, { ...of, state: 'approved' }, { state: 'denied' })
}
