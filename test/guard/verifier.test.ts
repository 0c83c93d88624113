import { generateKeyPair, SignJWT } from 'jose'
import t from 'tap'
import { accessTokenClaims } from '../../packages/guard/src/claims.ts'
import { createVerifier } from '../../packages/guard/src/verifier.ts'

t.test('a token whose key goes while it is checked is not remembered', async t => {
  const issuer = 'https://id.example.com'
  const audience = 'https://orders.example.com'
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const of = { issuer, audience, id: 'id', user: 'ada', client: 'client', scopes: ['orders:read'], list: 1, index: 1 }
  const claims = accessTokenClaims({ ...of, issuedAt: new Date(), expiresAt: new Date(Date.now() + 60_000) })
  const text = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt' }).sign(privateKey)
  const found = Promise.withResolvers<typeof publicKey>()
  const verifier = createVerifier({ key: () => found.promise, issuer, audience, toEntry: verified => verified })
  const checking = verifier.verify(text)
  verifier.clear()
  found.resolve(publicKey)
  t.match(await checking, { id: 'id' }, 'its key was good when it was looked up')
  t.equal(verifier.get(text), undefined)
  await verifier.verify(text)
  t.match(verifier.get(text), { id: 'id' })
})
