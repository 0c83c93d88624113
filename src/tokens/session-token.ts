import { WILDCARD } from '../../packages/guard/src/scope-set.ts'
import { Token } from '../../packages/guard/src/token.ts'
import type { Clients } from '../clients/clients.ts'
import { ADMIN_SCOPES } from '../scopes/admin.ts'
import { isFresh, type SignedIn } from '../users/sessions.ts'
import { setUserOfToken } from './records.ts'

/**
 * What a person who is signed in at the pages is to the API: a token of their own that may do everything, and what only
 * administrators may if they are one; to change something as an administrator they signed in a moment ago. It is no row, has no text, and what it issues is not bound by its end, which is
 * the session's.
 */
export type SessionToken = (signedIn: SignedIn) => Promise<Token>

const ALL = [WILDCARD]
const ALL_AND_READ = [WILDCARD, 'admin:read']
const ALL_AND_ADMIN = [WILDCARD, ...ADMIN_SCOPES]
const NEVER = new Date('9999-12-31T00:00:00Z')

export function createSessionToken(clients: Pick<Clients, 'personalAccess'>): SessionToken {
  return async ({ session, user }) => {
    const { id: clientId } = await clients.personalAccess()
    const { id, email, name, role, createdAt, updatedAt } = user
    const scopes = role !== 'admin' ? ALL : isFresh(session) ? ALL_AND_ADMIN : ALL_AND_READ
    const token = new Token({ id: session.id, userId: id, clientId, scopes, expiresAt: NEVER })
    setUserOfToken(token, Object.freeze({ id, email, name, role, createdAt, updatedAt }))
    return token
  }
}
