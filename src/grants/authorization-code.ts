import { hash } from 'node:crypto'
import { record } from '../audit/audit.ts'
import type { Client } from '../clients/client.entity.ts'
import type { Changes } from '../cluster/changes.ts'
import type { Database, Em } from '../database/database.ts'
import type { PosternError } from '../errors/errors.ts'
import { invalidGrant, invalidRequest } from '../errors/protocol.ts'
import { hashSecret } from '../security/secrets.ts'
import type { Begin } from './begin.ts'
import { AuthCode } from './code.entity.ts'
import type { Grant, Params, TokenAnswer } from './grant.ts'
import { liveUser } from './live-user.ts'
import { endGrant } from './refresh-family.ts'
import type { GrantAim, Terms } from './terms.ts'

export interface AuthorizationCodeOptions {
  changes: Changes
  db: Database
  terms: Terms
  begin: Begin
}

/** What became of a try to redeem a code. */
type Outcome = { answer: TokenAnswer } | { refusal: PosternError; replayed?: AuthCode }

const DEAD = 'The code is unknown, expired, used, or of another client.'

/** The grant type `authorization_code` (RFC 6749 §4.1.3) with PKCE (RFC 7636 §4.6). A code has one try. */
export function authorizationCode({ changes, db, terms, begin }: AuthorizationCodeOptions): Grant {
  async function redeem(em: Em, client: Client, params: Params, aim: GrantAim): Promise<Outcome> {
    const code = await em.findOne(AuthCode, { hash: hashSecret(params.code as string), client: client.id })
    if (!code) throw invalidGrant(DEAD)
    const audience = aim.narrow(code.audience)
    const user = await liveUser(em, code.user)
    if (!(await claim(em, code))) return usedBefore(code, params)
    const wrong = mismatch(code, params)
    if (wrong) return { refusal: invalidGrant(wrong) }
    const scopes = terms.narrowed(client, code.scopes, undefined, user.role)
    const given = { grant: code.id, user: user.id, scopes, audience: code.audience }
    return { answer: await begin(em, client, 'authorization_code', given, aim.at(scopes, audience)) }
  }

  /** In a transaction of its own: it stands although the request fails. */
  const punish = ({ id, user, client }: AuthCode) =>
    changes.transaction(async (em, announce) => {
      await endGrant(em, announce, id)
      record(em, { kind: 'token.reused', userId: user, clientId: client, details: { code: id } })
    })

  return async ({ client, params }) => {
    if (params.code === undefined) throw invalidRequest('code is missing.')
    if (params.redirect_uri === undefined) throw invalidRequest('redirect_uri is missing.')
    const aim = await terms.aim(params.resource)
    const outcome = await db.transaction(em => redeem(em, client, params, aim))
    if ('answer' in outcome) return outcome.answer
    if (outcome.replayed) await punish(outcome.replayed)
    throw outcome.refusal
  }
}

/** The one statement that decides who wins. */
async function claim(em: Em, { id }: AuthCode): Promise<boolean> {
  return (await em.nativeUpdate(AuthCode, { id, usedAt: null }, { usedAt: new Date() })) === 1
}

/**
 * Only whoever knows the verifier replays: a used code lies about in histories and logs, and must not serve strangers to
 * end other people's access.
 */
function usedBefore(code: AuthCode, params: Params): Outcome {
  const refusal = invalidGrant(DEAD)
  return proves(code, params.code_verifier) ? { refusal, replayed: code } : { refusal }
}

function mismatch(code: AuthCode, params: Params): string | undefined {
  if (code.expiresAt.getTime() <= Date.now()) return DEAD
  if (params.redirect_uri !== code.redirectUri) return 'redirect_uri is not the one the code was sent to.'
  if (params.code_verifier === undefined) return 'code_verifier is missing.'
  if (!proves(code, params.code_verifier)) return 'code_verifier does not match the code_challenge.'
  return undefined
}

const proves = ({ codeChallenge }: AuthCode, verifier: string | undefined) =>
  verifier !== undefined && hash('sha256', verifier, 'base64url') === codeChallenge
