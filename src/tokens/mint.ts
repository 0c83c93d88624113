import { v7 as uuid } from 'uuid'
import type { TokenFormat } from '../clients/client.entity.ts'
import type { Config } from '../config.ts'
import type { Keys } from '../keys/keys.ts'
import { hashText, newOpaqueText } from './text.ts'
import type { NewRow } from './writer.ts'

/** What a token is to be, decided by whoever asks for it to be minted. */
export interface Draft {
  /** null: a machine's token. */
  user: string | null
  client: string
  name: string | null
  scopes: string[]
  format: TokenFormat
  expiresAt: Date
  /** The resource server it is meant for (RFC 8707); null: our own `audience`. */
  audience?: string | null
  /** The grant it came from: an authorization code's, a device's. Tokens of one grant die together. */
  grant?: string | null
  /** The token it was exchanged for, and dies with (RFC 8693). */
  parent?: string | null
}

/** A row that is not stored yet, and the only place its plain text ever exists. */
export interface Issued {
  plainText: string
  token: NewRow
}

export type Mint = (draft: Draft) => Promise<Issued>

/** Gives each token an index of its own in a status list that lives at least as long as the token. */
export type TakeIndex = (expiresAt: Date) => StatusIndex | Promise<StatusIndex>
export interface StatusIndex {
  list: number
  index: number
}

/** The URI of a status list, as tokens name it. */
export const statusListUri = (issuer: string, list: number) => `${issuer}/oauth/status-lists/${list}`

export interface MintOptions {
  keys: Keys
  takeIndex: TakeIndex
  config: Pick<Config, 'issuer' | 'audience' | 'tokenPrefix'>
}

/** Makes a token's row and the text that names it; storing the row is the caller's. */
export function createMint({ keys, takeIndex, config }: MintOptions): Mint {
  return async draft => {
    const now = new Date()
    const { list: statusList, index: statusIndex } = await takeIndex(draft.expiresAt)
    const status = { statusList, statusIndex }
    const token: NewRow = { ...blank, ...draft, ...status, id: uuid(), createdAt: now, updatedAt: now }
    if (token.format === 'jwt') return { token, plainText: await keys.sign(claims(token, config), 'at+jwt') }
    const plainText = newOpaqueText(config.tokenPrefix)
    return { token: { ...token, hash: hashText(plainText) }, plainText }
  }
}

const blank = {
  hash: null,
  audience: null,
  grant: null,
  parent: null,
  revoked: false,
  suspended: false,
  changed: false,
  lastUsedAt: null,
}

/** RFC 9068 §2.2, and where the status stands. */
function claims(token: NewRow, { issuer, audience }: Pick<Config, 'issuer' | 'audience'>) {
  return {
    iss: issuer,
    aud: token.audience ?? audience,
    sub: token.user ?? token.client,
    client_id: token.client,
    iat: Math.floor(token.createdAt.getTime() / 1000),
    exp: Math.floor(token.expiresAt.getTime() / 1000),
    jti: token.id,
    scope: token.scopes.join(' '),
    // draft-ietf-oauth-status-list §6.1
    status: { status_list: { idx: token.statusIndex, uri: statusListUri(issuer, token.statusList) } },
  }
}
