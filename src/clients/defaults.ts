import type { Client } from './client.entity.ts'

type Row = Omit<Client, 'id' | 'createdAt' | 'updatedAt' | 'isConfidential' | 'isSelfAsserted' | 'isOperators' | symbol>

/** The default properties of a new client. */
export const clientDefaults = (): Row => ({
  user: null,
  name: '',
  authMethod: 'client_secret_basic',
  secrets: [],
  jwks: null,
  jwksUri: null,
  metadataUrl: null,
  metadataFailedAt: null,
  hostBlocked: false,
  applicationType: null,
  expiresAt: null,
  registrationHash: null,
  metadata: null,
  redirectUris: [],
  grantTypes: [],
  scopes: null,
  audience: null,
  exchangeAudiences: null,
  resources: null,
  issuesPersonalTokens: false,
  requirePushedRequests: false,
  accessTokenLifetime: null,
  refreshTokenLifetime: null,
  tokenFormat: 'jwt',
  personalAccess: false,
  revoked: false,
})
