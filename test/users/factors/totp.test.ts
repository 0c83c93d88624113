import t from 'tap'
import { matchingStep, otpauthUri, stepOf, toBase32, totp } from '../../../src/users/factors/totp.ts'

const SECRET = Buffer.from('12345678901234567890')

t.test('the test vectors of RFC 6238, appendix B', async t => {
  for (const [seconds, code] of [
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ] as const) {
    t.equal(totp(SECRET, stepOf(seconds * 1000)), code)
  }
})

t.test('a code is accepted a step early and a step late, and not further', async t => {
  const now = 1_234_567_890_000
  const step = stepOf(now)
  for (const skew of [-1, 0, 1]) t.equal(matchingStep(SECRET, totp(SECRET, step + skew), now), step + skew)
  for (const skew of [-2, 2]) t.equal(matchingStep(SECRET, totp(SECRET, step + skew), now), undefined)
  for (const text of ['', '12345', '1234567', 'abcdef', '٠٠٥٩٢٤', '\u0000'.repeat(6)]) {
    t.equal(matchingStep(SECRET, text, now), undefined, JSON.stringify(text))
  }
})

t.test('apps read the secret', async t => {
  t.equal(toBase32(SECRET), 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
  t.equal(
    otpauthUri(SECRET, 'localhost:3000', 'ada+x@example.com'),
    'otpauth://totp/localhost%3A3000:ada%2Bx%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=localhost%3A3000',
  )
})
