import { LockMode } from '@mikro-orm/postgresql'
import { getActor } from '../audit/actor.ts'
import { writeAudit } from '../audit/audit.ts'
import type { Config } from '../config/config.ts'
import type { Database, Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { forbidden, notFound, signedOut, wrongCredentials } from '../errors/errors.ts'
import { earlierOf } from '../http/time.ts'
import type { Mail } from '../mail/mail.ts'
import { hashSecret, newSecret } from '../security/secrets.ts'
import { isUuid } from '../text/uuid.ts'
import { hasFactors } from './factors/has-factors.ts'
import { addMethod } from './factors/session-methods.ts'
import { createFindSession, type SignedIn } from './find-session.ts'
import { Session } from './session.entity.ts'
import { User } from './user.entity.ts'

/** The OpenID provider that authenticated a user. */
export interface AuthenticatingProvider {
  issuer: string
  /** Its session. */
  session: string | undefined
  /** When the user proved to it who they are; undefined: it does not say. */
  provedAt: Date | undefined
}

/** The device from which a user signs in. */
export interface Device {
  /** IP address. */
  address: string
  userAgent: string
  /** The name of a browser that the user has not signed in with before; undefined: a known one. */
  newDevice: string | undefined
  /** The provider that authenticated the user, and its session. */
  provider?: AuthenticatingProvider | undefined
  /** How the user signed in here, such as `['pwd', 'otp']`. Default: by password. */
  methods?: readonly string[] | undefined
  /** When the user proved who they are, without a provider. Default: now. */
  provedAt?: Date | undefined
}

export type { SignedIn } from './find-session.ts'

/** Sign-ins on the pages (OWASP ASVS V7). */
export interface Sessions {
  /**
   * Starts a session for a user who has just been authenticated.
   * @param replaces plain text of the browser's previous session, which is ended
   * @returns the plain text of the session, 256 random bits, which only the browser keeps
   * @throws 401 if the user has been disabled or the password has been changed in the meantime, by a password alone if there
   *   is a second factor, or by a second factor if there is none any more
   */
  create(user: User, device: Device, replaces?: string): Promise<string>
  /** Finds the live session with this plain text, and its user. */
  find(text: string): Promise<SignedIn | undefined>
  /** Records that the user has proved who they are. @param by how, or the session at the provider that confirmed it */
  confirm(id: string, by: { method?: string; providerSession?: string | undefined }): Promise<void>
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
const PASSWORD = ['pwd']
const UPDATE_LAST_SEEN = 'update sessions set last_seen_at = ? where id = ? and last_seen_at <= ?'
const LAST_SEEN_INTERVAL_MS = 60_000
const MAX_USER_AGENT_LENGTH = 255

export function createSessions(
  db: Database,
  mail: Mail,
  config: Pick<Config, 'sessionLifetime' | 'sessionIdle'>,
): Sessions {
  const idleMs = config.sessionIdle * 1000
  /** Updates `last_seen_at` often enough that a session in use does not expire. */
  const seenEveryMs = Math.min(LAST_SEEN_INTERVAL_MS, idleMs / 2)
  const inUseSince = () => new Date(Date.now() - idleMs)

  const find = createFindSession(db, inUseSince)

  return {
    create: (user, device, replaces) =>
      db.transaction(async em => {
        await assertUnchanged(em, user, device)
        if (replaces !== undefined) await em.nativeDelete(Session, { hash: hashSecret(replaces) })
        const text = newSecret()
        await em.insert(Session, newSession(user, device, text, config.sessionLifetime))
        const { newDevice, address } = device
        if (newDevice) await mail.enqueue(em, 'new_device', { user: user.id, device: newDevice, address })
        writeAudit(em, { kind: 'sign_in.succeeded', userId: user.id })
        return text
      }),

    async find(text) {
      const found = await find(text)
      if (!found) return undefined
      const { session } = found
      const now = Date.now()
      const since = new Date(now - seenEveryMs)
      if (session.lastSeenAt <= since) await db.query(UPDATE_LAST_SEEN, [new Date(now), session.id, since])
      return found
    },

    confirm: (id, { method, providerSession }) =>
      db.transaction(async em => {
        const session = providerSession === undefined ? {} : { providerSession }
        await em.nativeUpdate(Session, { id }, { provedAt: new Date(), ...session })
        if (method !== undefined) await addMethod(em, id, method)
      }),

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

/**
 * Checks that the session that makes the request still exists, for what outlasts it; does nothing for a request without a
 * session. Call it in the transaction of `em` once the user is locked: whoever ends the session and revokes what the user has
 * waits for that lock.
 * @throws 401
 */
export async function assertStillSignedIn(em: Em): Promise<void> {
  const { sessionId } = getActor()
  if (sessionId !== null && (await em.count(Session, { id: sessionId })) === 0) throw signedOut()
}

/**
 * Checks that the password that the user has just entered was not changed since. Call it once the user is locked.
 * @throws 401
 */
export async function assertSamePassword(
  em: Em,
  { id, passwordHash }: Pick<User, 'id' | 'passwordHash'>,
): Promise<void> {
  if ((await em.count(User, { id, passwordHash, disabledAt: null })) === 0) throw wrongCredentials()
}

/** Milliseconds after which sensitive actions require the password again. */
const FRESH_MS = 600_000

/** Whether the user has entered the password in the last ten minutes (OWASP ASVS 7.5). */
export const isFresh = ({ createdAt, provedAt }: Pick<Session, 'createdAt' | 'provedAt'>): boolean =>
  Date.now() - (provedAt ?? createdAt).getTime() < FRESH_MS

/** The error of what a session may do only while it is fresh. */
export const notFresh = () => forbidden(NOT_FRESH)

const NOT_FRESH =
  'A session allows this only for ten minutes after the password was entered. Sign in again, or use the page of the app.'

/** Ends every session of a user, in the transaction of `em`. */
export const endSessions = (em: Em, user: string): Promise<number> => em.nativeDelete(Session, { user })

/** Locks the user until the session is stored, so that disabling the user or changing the password ends it too. */
async function assertUnchanged(em: Em, user: User, { provider, methods = PASSWORD }: Device): Promise<void> {
  const current = await em.findOne(User, { id: user.id }, { lockMode: LockMode.PESSIMISTIC_READ })
  if (!current || current.disabledAt || current.passwordHash !== user.passwordHash) throw wrongCredentials()
  if (current.kind === 'service') throw wrongCredentials()
  // A factor may have been added or removed since it was checked.
  const byFactor = methods.some(method => method !== 'pwd')
  if (!provider && byFactor !== (await hasFactors(em, user.id))) throw wrongCredentials()
}

function newSession(
  user: User,
  { address, userAgent, provider, methods = PASSWORD, provedAt }: Device,
  text: string,
  seconds: number,
) {
  const now = new Date()
  return {
    id: newId(),
    hash: hashSecret(text),
    user: user.id,
    address,
    userAgent: userAgent.slice(0, MAX_USER_AGENT_LENGTH),
    provider: provider?.issuer ?? null,
    providerSession: provider?.session ?? null,
    methods: provider ? null : methods.join(' '),
    // A provider may let somebody in who signed in there long ago: that proves nothing about who sits there now.
    ...(provider && { provedAt: earlierOf(provider.provedAt ?? new Date(0), now) }),
    ...(!provider && provedAt && { provedAt: earlierOf(provedAt, now) }),
    createdAt: now,
    lastSeenAt: now,
    expiresAt: new Date(now.getTime() + seconds * 1000),
  }
}
