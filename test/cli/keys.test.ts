import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { fixturePath } from '../helpers/imports.ts'
import { oneProcess } from './one-process.ts'
import { ONE_LINE, temporaryFolder } from './postern.ts'

const postern = await oneProcess(t)
const kids = (keys: { kid: string }[]) => keys.map(key => key.kid)

t.test('the next key signs after a rotation, and the one before still verifies', async t => {
  await postern.run(['user', 'create', '--email', 'ada@example.com', '--name', 'Ada', '--password-stdin'], {
    input: 'correct horse battery',
  })
  const { token } = await postern.json(['token', 'issue', '--user', 'ada@example.com', '--name', 'old'])
  const { data: before } = await postern.json(['keys', 'list'])
  t.match(before, [{ algorithm: 'ES256', state: 'current' }, { state: 'next' }])
  const rotated = await postern.run(['keys', 'rotate'])
  t.same(rotated, { code: 0, stdout: `Key ${before[1].id} (ES256) is now active\n`, stderr: '' })
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
  t.match(stdout, /^KID +ALGORITHM +STATUS +CREATED +ACTIVE FROM +RETIRED +REVOKED$/m)
  t.match(stdout, new RegExp(`^${data.id} +EdDSA +standby +[^ ]+ [^ ]+Z +[^ ]+ [^ ]+Z +- +-$`, 'm'))
  t.match(stdout, /\n\nEvery JWT begins with eyJraWQiOiJwb3N0X\n$/)
  t.match(await postern.run(['keys', 'rotate', '--algorithm', 'HS256']), { code: 2, stdout: '', stderr: ONE_LINE })
})

t.test('a key that was just published is scheduled, and is activated immediately with --now', async t => {
  const { data: listed } = await postern.json(['keys', 'list'])
  const { id, signs_from } = listed.find((key: { state: string }) => key.state === 'next')
  const time = `${signs_from.slice(0, 19).replace('T', ' ')}Z`
  const again = await postern.run(['keys', 'rotate'])
  const said = `Key ${id} (EdDSA) was already scheduled and becomes active at ${time}; use --now to activate it immediately\n`
  t.same(again, { code: 0, stdout: said, stderr: '' })
  const other = await postern.run(['keys', 'rotate', '--algorithm', 'RS256'])
  t.match(other.stdout, /^Key [^ ]+ \(RS256\) is now published and becomes active at [^ ]+ [^ ]+Z\n$/)
  const now = await postern.run(['keys', 'rotate', '--now', '--algorithm', 'EdDSA'])
  t.match(now, { code: 0, stdout: /\(EdDSA\) is now active, but verifiers that cache .+ for up to 5 minutes\n$/ })
  t.match((await postern.run(['keys', 'rotate', '--help'])).stdout, /--now .+emergency/)
  const { data } = await postern.json(['keys', 'rotate', '--now'])
  t.match(data, { state: 'current', algorithm: 'ES256', signs_from: data.activated_at })
})

t.test('a revoked key is published no more, its tokens are counted, and the next one signs', async t => {
  const { token, data: issued } = await postern.json([
    'token',
    'issue',
    '--user',
    'ada@example.com',
    '--name',
    'leaked',
  ])
  const { data: listed } = await postern.json(['keys', 'list'])
  const [current, next] = ['current', 'next'].map(state => listed.find((k: { state: string }) => k.state === state))
  const revoked = await postern.run(['keys', 'revoke', current.id])
  t.match(revoked, {
    code: 0,
    stderr: '',
    stdout: new RegExp(`^Revoked key ${current.id} .+ and 1 token\\.`),
  })
  t.match(revoked.stdout, `key_id=${current.id}&state=all`)
  const again = await postern.json(['keys', 'revoke', current.id])
  t.match(again, { data: { state: 'past', revoked_at: /Z$/ }, tokens: { revoked: 0, complete: true } })
  await postern.overHttp(async app => {
    t.notOk(kids((await app.inject({ url: '/.well-known/jwks.json' })).json().keys).includes(current.id))
    const headers = { authorization: `Bearer ${token}` }
    t.equal((await app.inject({ url: '/api/user', headers })).statusCode, 401)
  })
  const { data: after } = await postern.json(['keys', 'list'])
  t.match(
    after.find((key: { id: string }) => key.id === next.id),
    { state: 'current' },
  )
  const { data: tokens } = await postern.json(['token', 'list', '--user', 'ada@example.com', '--all'])
  t.match(
    tokens.find((one: { id: string }) => one.id === issued.id),
    { revoked: true },
  )
  const unknown = await postern.run(['keys', 'revoke', '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a13'])
  t.match(unknown, { code: 1, stdout: '', stderr: ONE_LINE })
})

t.test('a row that was tampered with stops the start, which names it, and can be revoked', async t => {
  const { data: listed } = await postern.json(['keys', 'list'])
  const { id } = listed.find((key: { state: string }) => key.state === 'current')
  await postern.inside(async services => {
    await services.db.query(
      `update oauth_signing_keys set public_key = jsonb_set(public_key, '{x}', '"AAAA"') where id = ?`,
      [id],
    )
  })
  const refused = await postern.run(['keys', 'rotate'])
  t.match(refused, { code: 1, stdout: '', stderr: ONE_LINE })
  t.match(refused.stderr, `postern keys revoke ${id}`)
  t.match(await postern.run(['keys', 'revoke', id]), { code: 0, stderr: '' })
  t.match(await postern.run(['keys', 'rotate', '--now']), { code: 0 })
})

t.test('keys of other systems are trusted and distrusted', async t => {
  const file = fixturePath('passport12', 'oauth-public.key')
  const trusted = await postern.run(['keys', 'trust', file])
  t.match(trusted, { code: 0, stdout: /^Trusts RS256 key [\w-]{43} for tokens from "passport"\n$/ })
  const [key] = (await postern.json(['keys', 'trusted'])).data
  t.match(key, { algorithm: 'RS256', source: 'passport' })
  t.match(key.kid, /^-/, 'which looks like an option')
  t.match((await postern.run(['keys', 'trusted'])).stdout, new RegExp(`^${key.kid} +RS256 +passport$`, 'm'))
  const other = await postern.json(['keys', 'trust', file, '--source', 'shop'])
  t.strictSame(other.data, { ...key, source: 'shop' })
  const distrusted = await postern.run(['keys', 'distrust', key.kid])
  const said = `No longer trusts key ${key.kid} for tokens from "passport" and "shop"\n`
  t.same(distrusted, { code: 0, stdout: said, stderr: '' })
  t.match(await postern.json(['keys', 'distrust', key.kid]), { data: [key, other.data] }, 'repeated')
  t.strictSame((await postern.json(['keys', 'trusted'])).data, [])
})

t.test('a file that is no public key, and a key that nobody trusts', async t => {
  const failed = { code: 1, stdout: '', stderr: ONE_LINE }
  const { privateKey } = generateKeyPairSync('ed25519')
  const privateFile = join(temporaryFolder(t), 'oauth-private.key')
  writeFileSync(privateFile, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const secret = await postern.run(['keys', 'trust', privateFile])
  t.match(secret, { ...failed, stderr: 'is a private key. Only the public key is needed.' })
  t.match(await postern.run(['keys', 'trust', fixturePath('passport12', 'env')]), failed)
  t.match(await postern.run(['keys', 'trust', 'missing.key']), { ...failed, stderr: 'cannot be read (ENOENT)' })
  t.match(await postern.run(['keys', 'distrust', 'unknown']), failed)
})
