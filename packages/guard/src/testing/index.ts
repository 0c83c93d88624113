export { type Acting, type ActingClient, actingAs, actingAsClient } from './acting.ts'
export { createTestIssuer, type TestIssuer, type TestIssuerOptions, type TestToken } from './issuer.ts'
