import t from 'tap'
import { createRemote } from '../../packages/guard/src/remote/remote.ts'

/** What a guard of this issuer warns of. */
async function warningsOf(issuer: string): Promise<string[]> {
  const warnings: string[] = []
  const listener = (warning: Error) => void (warning.name === 'PosternWarning' && warnings.push(warning.message))
  process.on('warning', listener)
  const remote = createRemote({ issuer }, () => {})
  // Node emits a warning in the next turn.
  await new Promise(resolve => setImmediate(resolve))
  process.off('warning', listener)
  await remote.close()
  return warnings
}

t.test('a guard warns of an issuer with plain http on a public address, and of no other', async t => {
  for (const issuer of ['http://id.invalid', 'http://203.0.113.7:1/auth', 'http://[2001:db8::1]:1']) {
    t.match(await warningsOf(issuer), [/is plain http on a public address/], issuer)
  }
  const local = ['http://localhost:1', 'http://127.0.0.1:1', 'http://[::1]:1', 'http://postern:1', 'http://10.0.0.1:1']
  for (const issuer of [...local, 'https://id.invalid']) t.same(await warningsOf(issuer), [], issuer)
})
