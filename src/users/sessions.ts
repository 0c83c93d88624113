import { LockMode } from '@mikro-orm/postgresql'
import { writeAudit } from '../audit/audit.ts'
import type { Config } from '../config/config.ts'
import type { Database, Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { createRowMapper } from '../database/row-mapper.ts'
import { notFound, signedOut, wrongCredentials } from '../errors/errors.ts'
import { hashSecret, newSecret } from '../security/secrets.ts'
import { isUuid } from '../text/uuid.ts'
import { Session } from './session.entity.ts'
import { type SafeUser, User } from './user.entity.ts'

/** The device from which a user signs in. */
export interface Device {
  /** IP address. */
  address: string
  userAgent: string
}

export interface SignedIn {
  session: Omit<Session, 'hash'>
  user: SafeUser
}

/** Sign-ins on the pages (OWASP ASVS V7). */
export interface Sessions {
  /**
   * Starts a session for a user who has just been authenticated by password.
   * @param replaces plain text of the browser's previous session, which is ended
   * @returns the plain text of the session, 256 random bits, which only the browser keeps
   * @throws 401 if the user has been disabled or the password has been changed in the meantime
   */
  create(user: User, device: Device, replaces?: string): Promise<string>
  /** Finds the live session with this plain text, and its user. */
  find(text: string): Promise<SignedIn | undefined>
  /** Records that the user has confirmed the password. */
  confirm(id: string): Promise<void>
  /** Signs out. Does nothing if there is no such session. */
  end(text: string): Promise<void>
  /** Lists a user's sessions, the last used first, at most 100. */
  list(userId: string): Promise<Session[]>
  /** Ends another session of the user. @throws 404 if it is not a session of this user */
  endOne(userId: string, id: string): Promise<void>
  /** Ends all sessions of a user. */
  endAll(userId: string): Promise<void>
}

const MAX_LISTED = 100
const UPDATE_LAST_SEEN = 'update sessions set last_seen_at = ? where id = ? and last_seen_at <= ?'
const LAST_SEEN_INTERVAL_MS = 60_000
const MAX_USER_AGENT_LENGTH = 255

type Row = Record<string, unknown>

export function createSessions(db: Database, config: Pick<Config, 'sessionLifetime' | 'sessionIdle'>): Sessions {
  const idleMs = config.sessionIdle * 1000
  /** Updates `last_seen_at` often enough that a session in use does not expire. */
  const seenEveryMs = Math.min(LAST_SEEN_INTERVAL_MS, idleMs / 2)
  const inUseSince = () => new Date(Date.now() - idleMs)

  const metadata = db.orm.getMetadata()
  const sessions = createRowMapper<Session, 'hash'>(metadata.get(Session))
  const users = createRowMapper<User, 'passwordHash'>(metadata.get(User))

  /** Every request of a page runs this, so one query reads both session and user. */
  const FIND = `
    select (select to_json(one) from (select ${sessions.columns('s')}) one) as session,
      (select to_json(one) from (select ${users.columns('u')}) one) as owner
    from sessions s join users u on u.id = s.user_id and u.disabled_at is null
    where s.hash = ? and s.expires_at > now() and s.last_seen_at > ?`

  return {
    create: (user, device, replaces) =>
      db.transaction(async em => {
        await assertUnchanged(em, user)
        if (replaces !== undefined) await em.nativeDelete(Session, { hash: hashSecret(replaces) })
        const text = newSecret()
        await em.insert(Session, newSession(user, device, text, config.sessionLifetime))
        writeAudit(em, { kind: 'sign_in.succeeded', userId: user.id })
        return text
      }),

    async find(text) {
      const [row] = await db.query<{ session: Row; owner: Row }>(FIND, [hashSecret(text), inUseSince()])
      if (!row) return undefined
      const session = sessions.toEntity(row.session)
      const now = Date.now()
      const since = new Date(now - seenEveryMs)
      if (session.lastSeenAt <= since) await db.query(UPDATE_LAST_SEEN, [new Date(now), session.id, since])
      return { session, user: users.toEntity(row.owner) }
    },

    async confirm(id) {
      await db.run(em => em.nativeUpdate(Session, { id }, { provedAt: new Date() }))
    },

    end: text =>
      db.transaction(async em => {
        const session = await em.findOne(Session, { hash: hashSecret(text) })
        if (!session || (await em.nativeDelete(Session, { id: session.id })) === 0) return
        writeAudit(em, { kind: 'session.ended', userId: session.user })
      }),

    list: userId =>
      db.run(em =>
        em.find(
          Session,
          { user: userId, expiresAt: { $gt: new Date() }, lastSeenAt: { $gt: inUseSince() } },
          { orderBy: { lastSeenAt: 'desc', id: 'desc' }, limit: MAX_LISTED },
        ),
      ),

    endOne: (userId, id) =>
      db.transaction(async em => {
        if (!isUuid(id) || (await em.nativeDelete(Session, { id, user: userId })) === 0) throw notFound('session')
        writeAudit(em, { kind: 'session.ended', userId })
      }),

    endAll: userId =>
      db.transaction(async em => {
        const sessions = await endSessions(em, userId)
        writeAudit(em, { kind: 'session.ended', userId, details: { sessions, everywhere: true } })
      }),
  }
}

/**
 * Checks that the session still exists, and locks the user until the transaction of `em` ends. A concurrent transaction that
 * ends the session waits and then sees the changes of this one.
 * @throws 401
 */
export async function assertSignedIn(em: Em, { session, user }: SignedIn): Promise<void> {
  const current = await em.findOne(User, { id: user.id }, { lockMode: LockMode.PESSIMISTIC_READ })
  if (!current || current.disabledAt || (await em.count(Session, { id: session.id })) === 0) throw signedOut()
}

/** Milliseconds after which sensitive actions require the password again. */
const FRESH_MS = 600_000

/** Whether the user has entered the password in the last ten minutes (OWASP ASVS 7.5). */
export const isFresh = ({ createdAt, provedAt }: Pick<Session, 'createdAt' | 'provedAt'>): boolean =>
  Date.now() - (provedAt ?? createdAt).getTime() < FRESH_MS

/** Ends every session of a user, in the transaction of `em`. */
export const endSessions = (em: Em, user: string): Promise<number> => em.nativeDelete(Session, { user })

/** Locks the user until the session is stored, so that disabling the user or changing the password ends it too. */
async function assertUnchanged(em: Em, user: User): Promise<void> {
  const current = await em.findOne(User, { id: user.id }, { lockMode: LockMode.PESSIMISTIC_READ })
  if (!current || current.disabledAt || current.passwordHash !== user.passwordHash) throw wrongCredentials()
}

function newSession(user: User, { address, userAgent }: Device, text: string, seconds: number) {
  const now = new Date()
  return {
    id: newId(),
    hash: hashSecret(text),
    user: user.id,
    address,
    userAgent: userAgent.slice(0, MAX_USER_AGENT_LENGTH),
    createdAt: now,
    lastSeenAt: now,
    expiresAt: new Date(now.getTime() + seconds * 1000),
  }
}
