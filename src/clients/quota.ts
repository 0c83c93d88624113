import { getActor } from '../audit/actor.ts'
import type { Config } from '../config/config.ts'
import type { Em } from '../database/database.ts'
import { takeLock } from '../database/locks.ts'
import { conflict, PosternError, quotaReached, tooManyRegistrations } from '../errors/errors.ts'
import { Client } from './client.entity.ts'

/** The user, if the session and the token that make the request still exist. */
const STILL_AUTHORIZED = `
  select from users where id = ? and disabled_at is null
    and (?::uuid is null or exists (select from sessions where id = ?::uuid))
    and not exists (select from oauth_access_tokens where id = ?::uuid and revoked)`

/**
 * Locks the user's row until the transaction of `em` ends, so that concurrent registrations are counted one after another, and
 * whoever revokes what the user has waits, or came first and is seen here.
 * @throws 409 if the user, the session or the token is no longer authorized; 403 if the user has reached the maximum number of apps, not counting revoked ones
 */
export async function assertClientQuota(em: Em, userId: string, limit: number): Promise<void> {
  await em.execute('select from users where id = ? for no key update', [userId])
  const { sessionId, tokenId } = getActor()
  const authorized = (await em.execute(STILL_AUTHORIZED, [userId, sessionId, sessionId, tokenId])) as unknown[]
  if (authorized.length === 0) throw conflict('The user, the session or the token is no longer authorized to do this.')
  if ((await em.count(Client, { user: userId, revoked: false })) < limit) return
  throw quotaReached('apps', limit, 'Revoke one that is no longer used, or ask an operator to raise CLIENTS_PER_USER.')
}

const REGISTERED = `
  select count(*) filter (where not revoked and (expires_at is null or expires_at > now()))::int as live,
    count(*) filter (where created_at > now() - interval '1 hour')::int as recent,
    ceil(extract(epoch from min(created_at) filter (where created_at > now() - interval '1 hour')
      + interval '1 hour' - now()))::int as seconds
  from oauth_clients where registration_hash is not null`

/**
 * Limits the clients that registered themselves: everybody who has the initial access token can register them. Locks
 * registrations until the transaction of `em` ends, so that they are counted one after another on all nodes.
 * @throws 429 with `Retry-After` above the limit of an hour, which also counts clients removed since; 403 above the limit of
 *   clients
 */
export async function assertRegistrationQuota(
  em: Em,
  { registeredClients, registrationsPerHour }: Pick<Config, 'registeredClients' | 'registrationsPerHour'>,
): Promise<void> {
  await takeLock(em, 'registrations')
  const [count] = (await em.execute(REGISTERED)) as { live: number; recent: number; seconds: number | null }[]
  if (count && count.recent >= registrationsPerHour) throw tooManyRegistrations(count.seconds ?? 1)
  if (!count || count.live < registeredClients) return
  throw new PosternError({
    status: 403,
    code: 'quota_reached',
    detail:
      `${registeredClients} clients have registered themselves, and that is the limit. Remove those that are no longer used, or ` +
      'ask the operator to raise REGISTERED_CLIENTS.',
    extra: { limit: registeredClients },
  })
}
