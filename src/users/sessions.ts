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

/** Where a person signs in from. */
export interface Device {
  /** IP address. */
  address: string
  userAgent: string
}

export interface SignedIn {
  session: Omit<Session, 'hash'>
  user: SafeUser
}

/** People signed in at the pages (OWASP ASVS V7). */
export interface Sessions {
  /**
   * Begins a session for a user who has just proved the password.
   * @param replaces text of the session that the browser had before, which ends
   * @returns its text, which exists only here and in the browser: 256 random bits
   * @throws 401 when the user was disabled or got another password meanwhile
   */
  create(user: User, device: Device, replaces?: string): Promise<string>
  /** The live session of this text, and its user. */
  find(text: string): Promise<SignedIn | undefined>
  /** The user has proved the password again. */
  confirm(id: string): Promise<void>
  /** Signs out. Nothing happens when there is no such session. */
  end(text: string): Promise<void>
  /** Where a user is signed in, last seen first: 100 sessions at most. */
  list(userId: string): Promise<Session[]>
  /** Signs out somewhere else. @throws 404 when it is not a session of this user */
  endOne(userId: string, id: string): Promise<void>
  /** Signs out everywhere. */
  endAll(userId: string): Promise<void>
}

const MAX_LISTED = 100
const UPDATE_LAST_SEEN = 'update sessions set last_seen_at = ? where id = ? and last_seen_at <= ?'
const LAST_SEEN_INTERVAL_MS = 60_000
const MAX_USER_AGENT_LENGTH = 255

type Row = Record<string, unknown>

export function createSessions(db: Database, config: Pick<Config, 'sessionLifetime' | 'sessionIdle'>): Sessions {
  const idleMs = config.sessionIdle * 1000
  /** Seen often enough that a session in use does not end. */
  const seenEveryMs = Math.min(LAST_SEEN_INTERVAL_MS, idleMs / 2)
  const inUseSince = () => new Date(Date.now() - idleMs)

  const metadata = db.orm.getMetadata()
  const sessions = createRowMapper<Session, 'hash'>(metadata.get(Session))
  const users = createRowMapper<User, 'passwordHash'>(metadata.get(User))

  /** Asked for on every request of a page: one question, for both. */
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
 * Makes sure that the person is still signed in, and holds the user until the transaction of `em` ends: whoever ends the
 * session waits, and sees what was made of it.
 * @throws 401
 */
export async function assertSignedIn(em: Em, { session, user }: SignedIn): Promise<void> {
  const now = await em.findOne(User, { id: user.id }, { lockMode: LockMode.PESSIMISTIC_READ })
  if (!now || now.disabledAt || (await em.count(Session, { id: session.id })) === 0) throw signedOut()
}

/** Milliseconds after which a sensitive act asks for the password again. */
const FRESH_MS = 600_000

/** Whether the password was asked for a moment ago (OWASP ASVS 7.5). */
export const isFresh = ({ createdAt, provedAt }: Pick<Session, 'createdAt' | 'provedAt'>): boolean =>
  Date.now() - (provedAt ?? createdAt).getTime() < FRESH_MS

/** Ends every session of a user, in the transaction of `em`. */
export const endSessions = (em: Em, user: string): Promise<number> => em.nativeDelete(Session, { user })

/** Held until the session is stored, so that whoever disables the user or changes the password ends it too. */
async function assertUnchanged(em: Em, user: User): Promise<void> {
  const now = await em.findOne(User, { id: user.id }, { lockMode: LockMode.PESSIMISTIC_READ })
  if (!now || now.disabledAt || now.passwordHash !== user.passwordHash) throw wrongCredentials()
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
