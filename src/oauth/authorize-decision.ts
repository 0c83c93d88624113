import { isAdminScope } from '../../packages/guard/src/scope-set.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database, Em } from '../database/database.ts'
import type { PosternError } from '../errors/errors.ts'
import { accessDenied } from '../errors/protocol.ts'
import { issueCode } from '../grants/codes.ts'
import { consentedScopes, grantConsent } from '../grants/consents.ts'
import type { ClientPolicy } from '../grants/policy.ts'
import { isRemembered, rememberedScopes } from '../grants/remembered.ts'
import { assertSignedIn, type SignedIn } from '../users/sessions.ts'
import type { Role } from '../users/user.entity.ts'
import type { AuthorizeRequest } from './authorize-request.ts'
import { AuthorizationErrorResponse, type RedirectTarget, successLocation } from './authorize-response.ts'
import { consumePushed } from './pushed.ts'

/** The user's decisions on authorization requests. */
export interface AuthorizationDecisions {
  /**
   * Whether an error may redirect to the client at once, without anybody's doing. Not to one that no operator registered, before
   * the user has consented to it: anybody could make this server redirect to any site (RFC 9700 §4.11.2).
   * @param signedIn undefined: nobody is
   */
  mayRedirect(to: RedirectTarget, signedIn: SignedIn | undefined): Promise<boolean>
  /**
   * The scopes that the client would get from this user.
   * @throws AuthorizationErrorResponse `invalid_scope` if the user cannot grant them
   */
  scopes(request: AuthorizeRequest, signedIn: SignedIn): Promise<string[]>
  /**
   * Approves a request without asking, if the user has already consented for the same audience and the client is
   * confidential and unchanged.
   * @returns the redirect with a code; undefined: ask the user
   */
  approveFromConsent(request: AuthorizeRequest, signedIn: SignedIn, scopes: string[]): Promise<string | undefined>
  /** @returns the redirect with a code */
  approve(request: AuthorizeRequest, signedIn: SignedIn, approval: Approval): Promise<string>
  /** @throws AuthorizationErrorResponse `access_denied` */
  deny(request: AuthorizeRequest): Promise<never>
}

/** What the user approves. */
export interface Approval {
  scopes: string[]
  /** For how long, in seconds; undefined: as long as the client's tokens last. */
  accessSeconds?: number | undefined
}

export interface DecisionsOptions {
  bus: Pick<InvalidationBus, 'transaction'>
  db: Database
  policy: ClientPolicy
  config: Pick<Config, 'issuer' | 'authCodeLifetime' | 'consentLifetime'>
}

export function createAuthorizationDecisions({ bus, db, policy, config }: DecisionsOptions): AuthorizationDecisions {
  async function respond(
    em: Em,
    request: AuthorizeRequest,
    { user }: SignedIn,
    { scopes, accessSeconds }: Approval,
  ): Promise<string> {
    const { client, redirectUri, audience, codeChallenge, stored } = request
    if (stored) await consumePushed(em, stored)
    const accessUntil = accessSeconds === undefined ? null : new Date(Date.now() + accessSeconds * 1000)
    const consented = { user: user.id, client: client.id, redirectUri, scopes, audience, codeChallenge, accessUntil }
    const code = await issueCode(em, consented, config.authCodeLifetime)
    return successLocation(config.issuer, request, { code })
  }

  return {
    async mayRedirect({ client }, signedIn) {
      if (client.isOperators()) return true
      if (!signedIn) return false
      return (await db.run(em => consentedScopes(em, signedIn.user.id, client.id))) !== undefined
    },

    async scopes(request, { user }) {
      try {
        const wanted = withinReach(request.scope, user.role)
        const scopes = policy.limit(policy.scopes(request.client, wanted, user.role), user)
        return (await policy.grantTarget(undefined)).resolve(scopes, request.audience).scopes
      } catch (error) {
        throw new AuthorizationErrorResponse(request, error as PosternError)
      }
    },

    async approveFromConsent(request, signedIn, scopes) {
      const { client, audience } = request
      if (!isRemembered(client, config.consentLifetime) || request.prompt.has('consent')) return undefined
      return db.transaction(async em => {
        await assertSignedIn(em, signedIn)
        const known = await rememberedScopes(em, { user: signedIn.user.id, client, audience })
        const isCovered = known !== undefined && scopes.every(scope => known.has(scope))
        return isCovered ? respond(em, request, signedIn, { scopes }) : undefined
      })
    },

    approve: (request, signedIn, approval) =>
      bus.transaction(async (em, publish) => {
        await assertSignedIn(em, signedIn)
        const { client, audience } = request
        const consent = { user: signedIn.user.id, client, audience, ...approval }
        await grantConsent(em, publish, consent, config.consentLifetime)
        return respond(em, request, signedIn, approval)
      }),

    async deny(request) {
      const { stored } = request
      if (stored) await db.transaction(em => consumePushed(em, stored))
      throw new AuthorizationErrorResponse(request, accessDenied('The user denied access.'))
    },
  }
}

/**
 * Removes administrative scopes if the user is not an administrator and other scopes were requested too. The explorer's
 * "select all" includes them; `scope` of the response contains the granted ones (RFC 6749 §3.3).
 */
function withinReach(scope: string | undefined, role: Role): string | undefined {
  if (role === 'admin') return scope
  const left = scope?.split(' ').filter(word => word && !isAdminScope(word))
  return left && left.length > 0 ? left.join(' ') : scope
}
