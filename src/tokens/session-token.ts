import { WILDCARD } from '../../packages/guard/src/scope-set.ts'
import { Token } from '../../packages/guard/src/token.ts'
import type { Clients } from '../clients/clients.ts'
import { ADMIN_SCOPES } from '../scopes/admin.ts'
import { isFresh, type SignedIn } from '../users/sessions.ts'
import { userIdOf } from '../users/user.entity.ts'
import { setUserOfToken } from './records.ts'
import { setStale } from './stale-session.ts'

/**
 * Represents a user who is signed in on the pages as a token, so that the API can authorize them. It has every scope, for
 * an administrator also `admin:read`, and the other administrative scopes if the sign-in is fresh. It has no row and no
 * text, and tokens that it issues may expire after the session. It is not limited to `allowedScopes` of the user, so that the
 * pages work: whoever issues tokens with it applies that limit.
 */
export type SessionToken = (signedIn: SignedIn) => Promise<Token>

const ALL = [WILDCARD]
const ALL_AND_READ = [WILDCARD, 'admin:read']
const ALL_AND_ADMIN = [WILDCARD, ...ADMIN_SCOPES]
const NEVER = new Date('9999-12-31T00:00:00Z')

export function createSessionToken(clients: Pick<Clients, 'personalAccess'>): SessionToken {
  return async ({ session, user }) => {
    const { id: clientId } = await clients.personalAccess()
    const { email, emailConfirmedAt, name, role, allowedScopes, createdAt, updatedAt } = user
    const emailConfirmed = Boolean(emailConfirmedAt)
    const id = userIdOf(user)
    const fresh = isFresh(session)
    const scopes = role !== 'admin' ? ALL : fresh ? ALL_AND_ADMIN : ALL_AND_READ
    const token = new Token({ id: session.id, userId: id, clientId, scopes, expiresAt: NEVER })
    if (!fresh) setStale(token)
    setUserOfToken(
      token,
      Object.freeze({ id, email, emailConfirmed, name, role, allowedScopes, createdAt, updatedAt }),
      user.id,
    )
    return token
  }
}
