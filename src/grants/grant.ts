import type { Client, GrantType } from '../clients/client.entity.ts'

/** The parameters of a token request: each once, none empty. */
export type Params = Readonly<Record<string, string | undefined>>

export interface GrantRequest {
  /** Authenticated, and allowed to use this grant. */
  client: Client
  params: Params
}

/** RFC 6749 §5.1. */
export interface TokenResponse {
  access_token: string
  token_type: 'Bearer'
  /** Seconds. */
  expires_in: number
  /** Space-delimited; always said, since it may be less than what was asked for. */
  scope: string
  refresh_token?: string
  /** RFC 8693 §2.2.1. */
  issued_token_type?: string
}

/** One way to get an access token; throws protocol errors. */
export type Grant = (request: GrantRequest) => Promise<TokenResponse>

export type Grants = Readonly<Partial<Record<GrantType, Grant>>>
