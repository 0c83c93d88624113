import { isAdminScope } from '../../packages/guard/src/scope-set.ts'
import type { Config } from '../config/config.ts'
import type { Database, Em } from '../database/database.ts'
import type { PosternError } from '../errors/errors.ts'
import { accessDenied } from '../errors/protocol.ts'
import { issueCode } from '../grants/codes.ts'
import { grantConsent } from '../grants/consents.ts'
import { isRemembered, rememberedScopes } from '../grants/remembered.ts'
import type { Terms } from '../grants/terms.ts'
import { mustBeSignedIn, type SignedIn } from '../users/sessions.ts'
import type { Role } from '../users/user.entity.ts'
import { answerLocation, RefusedToClient } from './authorize-answer.ts'
import type { AuthorizeRequest } from './authorize-request.ts'
import { answerPushed } from './pushed.ts'

/** What the person answers to an authorization request. */
export interface Decisions {
  /**
   * What the client would get from this person.
   * @throws RefusedToClient `invalid_scope` when the person cannot give it
   */
  scopes(request: AuthorizeRequest, person: SignedIn): Promise<string[]>
  /**
   * Answers without asking what was answered before, where that counts: for the same audience, and a client that
   * can prove who it is and is what it was then.
   * @returns where the browser is sent with a code; undefined: ask
   */
  remembered(request: AuthorizeRequest, person: SignedIn, scopes: string[]): Promise<string | undefined>
  /** @returns where the browser is sent with a code */
  approve(request: AuthorizeRequest, person: SignedIn, scopes: string[]): Promise<string>
  /** @throws RefusedToClient `access_denied` */
  deny(request: AuthorizeRequest): Promise<never>
}

export interface DecisionsOptions {
  db: Database
  terms: Terms
  config: Pick<Config, 'issuer' | 'authCodeLifetime' | 'consentLifetime'>
}

export function createDecisions({ db, terms, config }: DecisionsOptions): Decisions {
  async function answer(em: Em, request: AuthorizeRequest, { user }: SignedIn, scopes: string[]): Promise<string> {
    const { client, redirectUri, audience, codeChallenge, stored } = request
    if (stored) await answerPushed(em, stored)
    const given = { user: user.id, client: client.id, redirectUri, scopes, audience, codeChallenge }
    const code = await issueCode(em, given, config.authCodeLifetime)
    return answerLocation(config.issuer, request, { code })
  }

  return {
    async scopes(request, { user }) {
      try {
        const scopes = terms.scopes(request.client, withinReach(request.scope, user.role), user.role)
        return (await terms.aim(undefined)).at(scopes, request.audience).scopes
      } catch (error) {
        throw new RefusedToClient(request, error as PosternError)
      }
    },

    async remembered(request, person, scopes) {
      const { client, audience } = request
      if (!isRemembered(client, config.consentLifetime) || request.prompt.has('consent')) return undefined
      return db.transaction(async em => {
        await mustBeSignedIn(em, person)
        const known = await rememberedScopes(em, { user: person.user.id, client, audience })
        const covered = known !== undefined && scopes.every(scope => known.has(scope))
        return covered ? answer(em, request, person, scopes) : undefined
      })
    },

    approve: (request, person, scopes) =>
      db.transaction(async em => {
        await mustBeSignedIn(em, person)
        const { client, audience } = request
        await grantConsent(em, { user: person.user.id, client, audience, scopes }, config.consentLifetime)
        return answer(em, request, person, scopes)
      }),

    async deny(request) {
      const { stored } = request
      if (stored) await db.transaction(em => answerPushed(em, stored))
      throw new RefusedToClient(request, accessDenied('The user did not let the app in.'))
    },
  }
}

/**
 * Without the scopes that only administrators can give, where the user is none and asked for more than those: the
 * explorer's "select all" names them, and the answer's `scope` says what is left (RFC 6749 §3.3).
 */
function withinReach(scope: string | undefined, role: Role): string | undefined {
  if (role === 'admin') return scope
  const left = scope?.split(' ').filter(word => word && !isAdminScope(word))
  return left && left.length > 0 ? left.join(' ') : scope
}
