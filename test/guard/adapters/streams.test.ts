import t from 'tap'
import { createTestIssuer } from '../../../packages/guard/src/testing/index.ts'
import { embedded } from '../../helpers/embedding.ts'
import { FRAMEWORKS, serving } from './servers.ts'

t.test('a stream ends with its token, far from the issuer', async t => {
  const issuer = await createTestIssuer()
  t.teardown(() => issuer.close())
  const token = (expiresInSeconds = 3600) => issuer.token({ user: 'ada', scopes: ['orders:read'], expiresInSeconds })
  const ends = async (framework: string) => {
    const { open } = await serving(t, framework, issuer.guard)
    const [revoked, suspended, stays] = [await token(), await token(), await token()]
    const streams = [await open(revoked), await open(suspended), await open(await token(2))] as const
    const open_ = await open(stays)
    let spared = true
    void open_.ended.then(() => {
      spared = false
    })
    issuer.revoke(revoked)
    issuer.suspend(suspended)
    t.match(await streams[0].ended, /^open\n.*revoked/, framework)
    t.match(await streams[1].ended, /^open\n.*suspended/, framework)
    t.match(await streams[2].ended, /^open\n.*expired/, framework)
    t.ok(spared, `${framework}: no other stream`)
    issuer.revoke(stays)
    await open_.ended
  }
  await Promise.all(Object.keys(FRAMEWORKS).map(ends))
})

t.test('a stream ends with its token, in the process of the issuer', async t => {
  const catalogue = [{ id: 'orders:read', description: 'Read orders', default: true }]
  const postern = await embedded(t, { catalogue })
  const user = await postern.users.create({ email: 'ada@example.com', name: 'Ada', password: 'correct horse battery' })
  const issue = (format: 'jwt' | 'opaque', expiresAt?: Date) =>
    postern.tokens.issuePersonal({ user, name: 'ci', scopes: ['orders:read'], format, expiresAt })
  const ends = async (framework: string) => {
    const { open } = await serving(t, framework, postern.guard)
    const endsFor = async (format: 'jwt' | 'opaque') => {
      const revoked = await issue(format)
      const narrowed = await issue(format)
      const expiring = await issue(format, new Date(Date.now() + 2_000))
      const streams = await Promise.all([revoked, narrowed, expiring].map(({ plainText }) => open(plainText)))
      await postern.tokens.revoke(user.id, revoked.token.id)
      await postern.tokens.change(user, narrowed.token.id, { scopes: [] })
      const [first, second, third] = await Promise.all(streams.map(({ ended }) => ended))
      t.match(first, /revoked/, `${framework}, ${format}`)
      t.match(second, /lost a scope/, `${framework}, ${format}`)
      t.match(third, /expired/, `${framework}, ${format}`)
    }
    await Promise.all([endsFor('jwt'), endsFor('opaque')])
  }
  await Promise.all(Object.keys(FRAMEWORKS).map(ends))
})
