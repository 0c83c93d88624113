import t from 'tap'
import { createTestIssuer } from '../../packages/guard/src/testing/index.ts'
import { freePort } from '../helpers/port.ts'
import { bearer } from '../helpers/requester.ts'
import { until } from '../helpers/sidecar.ts'
import { commandsOn, startCommand } from './postern.ts'

const postern = commandsOn({})

t.test('postern guard is the command of the guard’s package, with its flags', async t => {
  const wrong = await postern.run(['guard', '--audiance', 'x'])
  t.match(wrong, { code: 2, stdout: '', stderr: /^[^\n]+\n$/ })
  t.match(wrong.stderr, /^postern guard: .*--audiance/)
  t.match(await postern.run(['guard', '--version']), { code: 0, stdout: /^\d+\.\d+\.\d+\n$/ })
})

t.test('postern guard checks tokens until it is stopped', async t => {
  const issuer = await createTestIssuer()
  t.teardown(() => issuer.close())
  const port = await freePort()
  const { issuer: url, audience } = issuer.guard
  const child = startCommand(['guard', '--issuer', url, '--audience', audience, '--port', String(port)], postern.env)
  const ended = new Promise(resolve => child.once('close', resolve))
  t.teardown(() => child.kill('SIGKILL'))
  const headers = bearer(await issuer.token({ user: 'ada' }))
  const check = () => fetch(`http://127.0.0.1:${port}/check?token=any`, { headers }).catch(() => undefined)
  const response = await until(check, found => found !== undefined)
  t.equal(response?.headers.get('x-auth-user'), 'ada')
  child.kill('SIGTERM')
  t.equal(await ended, 0)
})
