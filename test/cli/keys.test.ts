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
  t.match(data, { algorithm: 'EdDSA', state: 'next', signs_from: /Z$/, activated_at: null, retired_at: null })
  const { stdout } = await postern.run(['keys', 'list'])
  t.match(stdout, /^KID +ALGORITHM +STATE +CREATED +SIGNS FROM +RETIRED$/m)
  t.match(stdout, new RegExp(`^${data.id} +EdDSA +next +[^ ]+ [^ ]+Z +[^ ]+ [^ ]+Z +-$`, 'm'))
  t.match(await postern.run(['keys', 'rotate', '--algorithm', 'HS256']), { code: 2, stdout: '', stderr: ONE_LINE })
})

t.test('a key that was published a moment ago waits, which is said, and signs at once with --now', async t => {
  const { data: listed } = await postern.json(['keys', 'list'])
  const { id, signs_from } = listed.find((key: { state: string }) => key.state === 'next')
  const time = `${signs_from.slice(0, 19).replace('T', ' ')}Z`
  const again = await postern.run(['keys', 'rotate'])
  const said = `Key ${id} (EdDSA) was scheduled before and signs from ${time} on; with --now it signs at once\n`
  t.same(again, { code: 0, stdout: said, stderr: '' })
  const other = await postern.run(['keys', 'rotate', '--algorithm', 'RS256'])
  t.match(other.stdout, /^Key [^ ]+ \(RS256\) is published now and signs from [^ ]+ [^ ]+Z on\n$/)
  const now = await postern.run(['keys', 'rotate', '--now', '--algorithm', 'EdDSA'])
  t.match(now, { code: 0, stdout: /\(EdDSA\) signs from now on, but verifiers that cache .+ for up to 5 minutes\n$/ })
  t.match((await postern.run(['keys', 'rotate', '--help'])).stdout, /--now .+emergency/)
  const { data } = await postern.json(['keys', 'rotate', '--now'])
  t.match(data, { state: 'current', algorithm: 'ES256', signs_from: data.activated_at })
})
