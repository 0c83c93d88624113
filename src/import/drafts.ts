/** A user of the source. */
export interface UserDraft {
  /** Table and id, such as `users/1`: every table numbers its own users. */
  ref: string
  email: string
  name: string
  passwordHash: string | null
  /** null: it was not confirmed. */
  emailConfirmedAt: Date | null
  createdAt: Date
}

/** A token of the source, before its user and client are known here. */
export interface TokenDraft {
  /** Its id in the source; for a JWT the `jti`. */
  sourceId: string
  /** Table and id of its user, such as `users/1`; null: a machine's token. */
  user: string | null
  /** The id of its client in the source; null: a personal token. */
  client: string | null
  name: string | null
  /** As in the source. */
  scopes: readonly string[]
  /** SHA-256 of its text; null for a JWT, which names its row. */
  hash: Buffer | null
  createdAt: Date | null
  /** null: it never ends. */
  expiresAt: Date | null
  lastUsedAt: Date | null
  revoked: boolean
  /** The URIs of the APIs that it is for, separated by spaces; none: it is for the whole deployment. */
  audience?: string | null
  /** Whether an earlier row of this import had the same id. It can only revoke what that one became. */
  repeated?: boolean
  /** Its refresh token, if it has one. */
  refresh?: RefreshDraft | undefined
}

/** A refresh token of the source. */
export interface RefreshDraft {
  sourceId: string
  /** SHA-256 of its text, or for an encrypted text the HMAC of its id. */
  hash: Buffer
  /** null: it never ends. */
  expiresAt: Date | null
  /** Whether it was used or revoked. */
  revoked: boolean
  /** As of a token; undefined: the source does not say, so it has that of its access token. */
  audience?: string | null | undefined
}

/** A row of the source that is not imported, and why. */
export interface Refusal {
  sourceId: string
  reason: string
}

export const isRefusal = (one: object): one is Refusal => 'reason' in one
