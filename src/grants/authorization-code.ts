import { hash } from 'node:crypto'
import { writeAudit } from '../audit/audit.ts'
import type { Client } from '../clients/client.entity.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database, Em } from '../database/database.ts'
import type { PosternError } from '../errors/errors.ts'
import { invalidGrant, invalidRequest } from '../errors/protocol.ts'
import { hashSecret } from '../security/secrets.ts'
import { AuthCode } from './code.entity.ts'
import type { Grant, Params, TokenResponse } from './grant.ts'
import type { IssueForGrant } from './issue.ts'
import { lockLiveUser } from './live-user.ts'
import type { ClientPolicy, GrantTarget } from './policy.ts'
import { revokeGrant } from './revoke-grants.ts'

export interface AuthorizationCodeOptions {
  bus: InvalidationBus
  db: Database
  policy: ClientPolicy
  issueForGrant: IssueForGrant
}

/** The result of an attempt to redeem a code. */
type Outcome = { response: TokenResponse } | { refusal: PosternError; replayed?: AuthCode }

const INVALID_CODE = 'The code is unknown, expired, already used, or was issued to another client.'

/** The grant type `authorization_code` (RFC 6749 §4.1.3) with PKCE (RFC 7636 §4.6). A code can be tried only once. */
export function authorizationCode({ bus, db, policy, issueForGrant }: AuthorizationCodeOptions): Grant {
  async function redeem(em: Em, client: Client, params: Params, grantTarget: GrantTarget): Promise<Outcome> {
    const code = await em.findOne(AuthCode, { hash: hashSecret(params.code as string), client: client.id })
    if (!code) throw invalidGrant(INVALID_CODE)
    const audience = grantTarget.narrow(code.audience)
    const user = await lockLiveUser(em, code.user)
    if (!(await claim(em, code))) return alreadyUsed(code, params)
    const wrong = mismatch(code, params)
    if (wrong) return { refusal: invalidGrant(wrong) }
    const scopes = policy.limit(policy.downscope(client, code.scopes, undefined, user.role), user)
    const granted = { grant: code.id, user: user.id, subject: user.subject, scopes, audience: code.audience }
    const target = grantTarget.resolve(scopes, audience)
    return { response: await issueForGrant(em, client, 'authorization_code', granted, target, code.accessUntil) }
  }

  /** Runs in a separate transaction, so that it is committed although the request fails. */
  const revokeReusedGrant = ({ id, user, client }: AuthCode) =>
    bus.transaction(async (em, publish) => {
      await revokeGrant(em, publish, id)
      writeAudit(em, { kind: 'token.reused', userId: user, clientId: client, details: { code: id } })
    })

  return async ({ client, params }) => {
    if (params.code === undefined) throw invalidRequest('code is missing.')
    if (params.redirect_uri === undefined) throw invalidRequest('redirect_uri is missing.')
    const grantTarget = await policy.grantTarget(params.resource)
    const outcome = await db.transaction(em => redeem(em, client, params, grantTarget))
    if ('response' in outcome) return outcome.response
    if (outcome.replayed) await revokeReusedGrant(outcome.replayed)
    throw outcome.refusal
  }
}

/** A single statement, so that only one of several concurrent requests succeeds. */
async function claim(em: Em, { id }: AuthCode): Promise<boolean> {
  return (await em.nativeUpdate(AuthCode, { id, usedAt: null }, { usedAt: new Date() })) === 1
}

/**
 * Counts as a replay only with the correct verifier. A used code can be found in browser histories and logs, and must not
 * allow others to revoke the user's tokens.
 */
function alreadyUsed(code: AuthCode, params: Params): Outcome {
  const refusal = invalidGrant(INVALID_CODE)
  return matchesChallenge(code, params.code_verifier) ? { refusal, replayed: code } : { refusal }
}

function mismatch(code: AuthCode, params: Params): string | undefined {
  if (code.expiresAt.getTime() <= Date.now()) return INVALID_CODE
  if (params.redirect_uri !== code.redirectUri) return 'redirect_uri is not the one that the code was sent to.'
  if (params.code_verifier === undefined) return 'code_verifier is missing.'
  if (!matchesChallenge(code, params.code_verifier)) return 'code_verifier does not match the code_challenge.'
  return undefined
}

const matchesChallenge = ({ codeChallenge }: AuthCode, verifier: string | undefined) =>
  verifier !== undefined && hash('sha256', verifier, 'base64url') === codeChallenge
