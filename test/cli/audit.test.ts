import t from 'tap'
import { basic, form } from '../helpers/oauth.ts'
import { oneProcess } from './one-process.ts'
import { ONE_LINE } from './postern.ts'

const postern = await oneProcess(t)

t.test('the audit log is listed, newest first, and filtered', async t => {
  const input = 'correct horse battery'
  const create = ['user', 'create', '--email', 'ada@example.com', '--name', 'Ada', '--password-stdin']
  const { data: user } = await postern.json(create, { input })
  const made = await postern.json(['client', 'create', '--name', 'Orders API'])
  const { data: token } = await postern.json(['token', 'issue', '--user', user.email, '--name', 'ci'])
  await postern.overHttp(async app => {
    const headers = { ...basic(made.client_id, 'wrong'), 'user-agent': 'curl/8' }
    await form(app, '/oauth/introspect', { token: 'x' }, headers)
  })
  const { data: failures } = await postern.json(['audit', '--kind', 'client.authentication_failed'])
  t.match(failures, [{ client_id: made.client_id, address: '127.0.0.1', details: { user_agent: 'curl/8' } }])
  const { stdout } = await postern.run(['audit', '--client', made.client_id])
  t.match(stdout, /^AT +KIND +USER +CLIENT +TOKEN +BY +WITH +ADDRESS +USER AGENT$/m)
  t.match(stdout, /client\.authentication_failed .*curl\/8$/m)
  const kinds = async (...words: string[]) =>
    (await postern.json(['audit', ...words])).data.map((event: { kind: string }) => event.kind)
  t.strictSame(await kinds('--user', user.email), ['token.issued', 'user.created'])
  t.strictSame(await kinds('--token', token.id), ['token.issued'])
  t.equal((await kinds('--limit', '1')).length, 1)
})

t.test('what cannot be asked is said', async t => {
  for (const words of [
    ['--kind', 'nope'],
    ['--limit', '0'],
    ['--token', 'x'],
  ]) {
    t.match(await postern.run(['audit', ...words]), { code: 2, stdout: '', stderr: ONE_LINE }, words.join(' '))
  }
  t.match(await postern.run(['audit', '--user', 'nobody@example.com']), { code: 1, stderr: /There is no user/ })
})
