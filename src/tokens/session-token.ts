import { WILDCARD } from '../../packages/guard/src/scope-set.ts'
import { Token } from '../../packages/guard/src/token.ts'
import type { Clients } from '../clients/clients.ts'
import { ADMIN_SCOPES } from '../scopes/admin.ts'
import { isFresh, type SignedIn } from '../users/sessions.ts'
import { setUserOfToken } from './records.ts'

/**
 * Represents a user who is signed in on the pages as a token, so that the API can authorize them. It has every scope; for
 * an administrator also `admin:read`, and the other administrative scopes if the sign-in is fresh. It has no row and no
 * text, and tokens that it issues may expire after the session.
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
