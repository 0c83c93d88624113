import { compactVerify, exportJWK, generateKeyPair } from 'jose'
import t from 'tap'
import { createSigner } from '../../src/keys/signer.ts'

/** Enough for signatures whose numbers are shorter than their place: one in 128 has one. */
const MANY = 1_000

for (const [alg, times] of [
  ['ES256', MANY],
  ['EdDSA', MANY],
  ['RS256', 5],
] as const) {
  t.test(`every ${alg} signature verifies elsewhere, and none for another text`, async t => {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
    const sign = createSigner('the key', alg, await exportJWK(privateKey))
    const texts = await Promise.all(Array.from({ length: times }, (_, i) => sign({ i, name: 'Zoë' }, 'at+jwt')))
    const seen = await Promise.all(texts.map(text => compactVerify(text, publicKey)))
    t.ok(seen.every(({ protectedHeader }) => protectedHeader.kid === 'the key' && protectedHeader.typ === 'at+jwt'))
    t.strictSame(
      seen.map(({ payload }) => JSON.parse(new TextDecoder().decode(payload))),
      texts.map((_, i) => ({ i, name: 'Zoë' })),
    )
    const [head, , signature] = texts[0]!.split('.')
    const [, other] = texts[1]!.split('.')
    await t.rejects(compactVerify(`${head}.${other}.${signature}`, publicKey))
  })
}
