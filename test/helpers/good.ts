import { type Authenticate, invalidToken, Token } from '../../packages/guard/src/index.ts'

/** An `authenticate` without an issuer behind it: `good` is Ada's token for `orders:read`, and there is no other. */
export const accepts: Authenticate = text => {
  if (text === 'good') return token
  throw invalidToken('The access token is not known.')
}

const token = new Token({
  id: 'token',
  userId: 'ada',
  clientId: 'client',
  scopes: ['orders:read'],
  expiresAt: new Date(Date.now() + 60_000),
})
