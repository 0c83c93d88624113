import type { Audience } from '../../packages/guard/src/audience.ts'
import { accessTokenClaims } from '../../packages/guard/src/claims.ts'
import { getActor } from '../audit/actor.ts'
import type { TokenFormat } from '../clients/client.entity.ts'
import type { Config } from '../config/config.ts'
import { newId } from '../database/ids.ts'
import type { Keys } from '../keys/keys.ts'
import { hashSecret } from '../security/secrets.ts'
import { isDerivedId } from '../text/derived-id.ts'
import { rowIdOf } from '../users/subject.ts'
import { type AudienceConfig, audienceOf } from './audience.ts'
import type { TokenRow } from './insert-batch.ts'
import { newOpaqueText } from './text.ts'

/** The properties of a token to mint. */
export interface TokenSpec {
  /** null: a machine's token. */
  user: string | null
  /** What names the user in the token, for a user of an application: the id there. */
  subject?: string | null | undefined
  client: string
  /** The `client_id` of the client, where it is not the id of its row. */
  clientId?: string
  name: string | null
  scopes: string[]
  format: TokenFormat
  expiresAt: Date
  /** The resources that it is for (RFC 8707), separated by spaces; null: it names none. */
  audience?: string | null
  /** The grant that issues it, such as an authorization code's or a device's. Tokens of a grant are revoked together. */
  grant?: string | null
  /** The token that it was exchanged for (RFC 8693). Revoking the parent revokes this token. */
  parent?: string | null
  /** The token that issues it. Revoking that token revokes this token. */
  issuedBy?: string | null
  /** The first token of its family; undefined: it starts a new family if `familyExpiresAt` is set. */
  family?: string
  /** No successor may expire later than this. */
  familyExpiresAt?: Date
}

/** A row that is not stored yet, and its plain text, which exists nowhere else. */
export interface IssuedToken {
  plainText: string
  token: TokenRow
}

export type Mint = (spec: TokenSpec) => Promise<IssuedToken>

/** Allocates a unique index in a status list that expires no earlier than the token. */
export type TakeStatusReference = (expiresAt: Date) => StatusReference | Promise<StatusReference>
export interface StatusReference {
  list: number
  index: number
}

export interface MintOptions {
  keys: Keys
  takeStatusReference: TakeStatusReference
  config: AudienceConfig & Pick<Config, 'tokenPrefix'>
  /** Called for each minted token. */
  onMint?: () => void
}

/** Creates the row and the plain text of a token. The caller stores the row. */
export function createMint({ keys, takeStatusReference, config, onMint = () => {} }: MintOptions): Mint {
  return async ({ clientId, subject = null, ...spec }) => {
    assertNamed(spec.user, subject)
    const now = new Date()
    onMint()
    const { list: statusList, index: statusIndex } = await takeStatusReference(spec.expiresAt)
    const status = { statusList, statusIndex }
    const id = newId()
    const family = spec.family ?? (spec.familyExpiresAt ? id : null)
    const session = getActor().sessionId
    const token: TokenRow = {
      ...TOKEN_DEFAULTS,
      ...spec,
      ...status,
      id,
      family,
      session,
      createdAt: now,
      updatedAt: now,
    }
    if (token.format === 'jwt')
      return {
        token,
        plainText: await keys.sign(
          claims(token, { user: subject ?? token.user, client: clientId ?? token.client }, config),
          'at+jwt',
        ),
      }
    const plainText = newOpaqueText(config.tokenPrefix)
    return { token: { ...token, hash: hashSecret(plainText) }, plainText }
  }
}

/** The properties of a new token that nothing else determines. */
export const TOKEN_DEFAULTS = {
  hash: null,
  audience: null,
  grant: null,
  parent: null,
  successor: null,
  issuedBy: null,
  session: null,
  family: null,
  familyExpiresAt: null,
  revoked: false,
  suspended: false,
  changed: false,
  lastUsedAt: null,
  lastUsedBy: null,
  usedScopes: null,
}

/** No token names a user of an application by the row, nor anybody by an id that belongs to another row. */
function assertNamed(user: string | null, subject: string | null): void {
  const matches = subject === null ? user === null || !isDerivedId(user) : user === rowIdOf(subject)
  if (!matches) throw new Error(`The subject of the user ${user} is missing or wrong`)
}

/** A single audience is a string, several are an array (RFC 7519 §4.1.3). */
export const signedAudience = ([first = '', ...more]: readonly string[]): Audience =>
  more.length > 0 ? [first, ...more] : first

function claims(token: TokenRow, named: { user: string | null; client: string }, config: AudienceConfig) {
  return accessTokenClaims({
    issuer: config.issuer,
    audience: signedAudience(audienceOf(token.audience, config)),
    id: token.id,
    ...named,
    scopes: token.scopes,
    issuedAt: token.createdAt,
    expiresAt: token.expiresAt,
    list: token.statusList,
    index: token.statusIndex,
  })
}
