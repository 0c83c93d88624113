import { randomBytes } from 'node:crypto'
import { v7 as uuid } from 'uuid'
import type { Announce } from '../changes/changes.ts'
import type { Client } from '../clients/client.entity.ts'
import type { Em } from '../database.ts'
import { retire } from '../tokens/retire.ts'
import { hashText } from '../tokens/text.ts'
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

/** Stores a link of a family in the transaction of `em`. @returns its id */
export async function addLink(em: Em, family: Family, text: string, expiresAt: Date): Promise<string> {
  const id = uuid()
  await em.insert(RefreshToken, {
    ...family,
    id,
    client: family.client.id,
    hash: hashText(text),
    revoked: false,
    usedAt: null,
    replay: null,
    createdAt: new Date(),
    expiresAt,
  })
  return id
}

/**
 * Kills every access and refresh token of a grant, in the transaction of `em`.
 * @returns how many access tokens died
 */
export async function revokeGrant(em: Em, announce: Announce, grant: string): Promise<number> {
  await lockUsers(em, grant)
  const died = await retire(em, announce, { grant })
  await em.nativeUpdate(RefreshToken, { grant, revoked: false }, { revoked: true, replay: null })
  return died
}

/**
 * A refresh holds its user's row shared, so this waits for those under way and sees what they made; those that come
 * later find their token revoked.
 */
const lockUsers = (em: Em, grant: string) =>
  em.execute(
    `select id from users where id in (select user_id from oauth_refresh_tokens where grant_id = ?)
     order by id for no key update`,
    [grant],
  )
