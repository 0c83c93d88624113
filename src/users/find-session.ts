import { createBatcher } from '../database/batcher.ts'
import type { Database } from '../database/database.ts'
import { createRowMapper } from '../database/row-mapper.ts'
import { hashSecret } from '../security/secrets.ts'
import { hasFactorsSql } from './factors/has-factors.ts'
import { Session } from './session.entity.ts'
import { type SafeUser, User } from './user.entity.ts'

export interface SignedIn {
  session: Omit<Session, 'hash' | 'heldForm'>
  user: SafeUser
  /** Whether the user has a passkey or an authenticator app. */
  hasFactors: boolean
  /** Whether the user looks after service accounts. */
  isMaintainer: boolean
}

type Row = Record<string, unknown>

interface FoundRow {
  /** In hex. */
  hash: string
  session: Row
  owner: Row
  has_factors: boolean
  is_maintainer: boolean
}

/** Sessions that share one statement. */
const MAX_BATCH = 50

/** Finds the live session with this plain text, and its user. */
export type FindSession = (text: string) => Promise<SignedIn | undefined>

/**
 * Every request of a page needs its session, so one statement reads session and user, and those of all requests that arrive
 * while another statement runs. It begins after each of them, so it sees what was committed before.
 * @param inUseSince when a session must have been seen last at the earliest
 */
export function createFindSession(db: Database, inUseSince: () => Date): FindSession {
  const metadata = db.orm.getMetadata()
  const sessions = createRowMapper<Session, 'hash' | 'heldForm'>(metadata.get(Session))
  const users = createRowMapper<User, 'passwordHash'>(metadata.get(User))
  const select = `
    select encode(s.hash, 'hex') as hash, (select to_json(one) from (select ${sessions.columns('s')}) one) as session,
      (select to_json(one) from (select ${users.columns('u')}) one) as owner, ${hasFactorsSql('u.id')} as has_factors,
      exists (select from service_account_maintainers m where m.user_id = u.id) as is_maintainer
    from sessions s join users u on u.id = s.user_id and u.disabled_at is null
    where s.expires_at > now() and s.last_seen_at > ? and s.hash in`

  async function read(hashes: Buffer[]): Promise<(hash: Buffer) => SignedIn | undefined> {
    const rows = await db.query<FoundRow>(`${select} (${hashes.map(() => '?')})`, [inUseSince(), ...hashes])
    const byHash = new Map(rows.map(row => [row.hash, row]))
    // Each request has objects of its own.
    return hash => toSignedIn(byHash.get(hash.toString('hex')))
  }

  const toSignedIn = (row: FoundRow | undefined): SignedIn | undefined =>
    row && {
      session: sessions.toEntity(row.session),
      user: users.toEntity(row.owner),
      hasFactors: row.has_factors,
      isMaintainer: row.is_maintainer,
    }

  const find = createBatcher({ work: read, maxBatchSize: MAX_BATCH, concurrency: 2 })
  return text => find(hashSecret(text))
}
