import type { Client, GrantType } from '../clients/client.entity.ts'

/** The parameters of a token request, without duplicates and empty values. */
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
  /** Space-delimited. Always present, since it may be less than requested. */
  scope: string
  refresh_token?: string
  /** RFC 8693 §2.2.1. */
  issued_token_type?: string
}

/** Handles a grant type of the token endpoint. @throws protocol errors */
export type Grant = (request: GrantRequest) => Promise<TokenResponse>

export type Grants = Readonly<Partial<Record<GrantType, Grant>>>
