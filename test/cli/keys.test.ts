import t from 'tap'
import { commandLine, ONE_LINE } from './postern.ts'

const postern = await commandLine(t)
const kids = (keys: { kid: string }[]) => keys.map(key => key.kid)

t.test('the next key signs after a rotation, and the one before still verifies', async t => {
  await postern.run(['user', 'create', '--email', 'ada@example.com', '--name', 'Ada', '--password-stdin'], {
    input: 'correct horse battery',
  })
  const { token } = await postern.json(['token', 'issue', '--user', 'ada@example.com', '--name', 'old'])
  const { data: before } = await postern.json(['keys', 'list'])
  t.match(before, [{ algorithm: 'ES256', state: 'current' }, { state: 'next' }])
  const rotated = await postern.run(['keys', 'rotate'])
  t.same(rotated, { code: 0, stdout: `Key ${before[1].id} (ES256) signs from now on\n`, stderr: '' })
  await postern.overHttp(async app => {
    const published = (await app.inject({ url: '/.well-known/jwks.json' })).json().keys
    t.ok(kids(published).includes(before[0].id))
    const headers = { authorization: `Bearer ${token}` }
    t.equal((await app.inject({ url: '/api/user', headers })).statusCode, 200)
  })
})

t.test('a rotation may change the algorithm; the list never shows a private key', async t => {
  const { data } = await postern.json(['keys', 'rotate', '--algorithm', 'EdDSA'])
  t.match(data, { algorithm: 'EdDSA', state: 'current', retired_at: null })
  const { stdout } = await postern.run(['keys', 'list'])
  t.match(stdout, new RegExp(`^${data.id} +EdDSA +current `, 'm'))
  t.match(await postern.run(['keys', 'rotate', '--algorithm', 'HS256']), { code: 2, stdout: '', stderr: ONE_LINE })
})
