/**
 * The library for passkeys, and its helpers. Loaded by the first use: it has 250 files, which most nodes never need and which
 * would delay every start.
 */
export const loadWebAuthn = () => import('@simplewebauthn/server')
export const loadWebAuthnHelpers = () => import('@simplewebauthn/server/helpers')
