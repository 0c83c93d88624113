import t from 'tap'
import { serializeError } from '../../src/http/log-error.ts'
import { textLine } from '../../src/http/text-log.ts'

const line = (fields: object) => textLine(JSON.stringify({ level: 30, time: 0, pid: 1, hostname: 'x', ...fields }))

t.test('a line for a person', async t => {
  const request = { method: 'GET', path: '/api/tokens', address: '127.0.0.1' }
  t.equal(
    line({ reqId: 'req-1', req: request, status: 401, ms: 1.5, msg: 'request' }),
    '00:00:00.000 INFO  request method=GET path=/api/tokens address=127.0.0.1 status=401 ms=1.5\n',
  )
  t.equal(line({ level: 40, msg: 'two\nlines', text: 'a b' }), '00:00:00.000 WARN  two lines text="a b"\n')
})

t.test('an error is shown with its stack and its causes', async t => {
  const err = serializeError(new Error('outer', { cause: new TypeError('inner') }))
  const text = line({ level: 50, msg: 'failed', err })
  t.match(text, /^00:00:00\.000 ERROR failed\n {4}Error: outer\n {8}at .*\n {4}caused by:\n {4}TypeError: inner\n/s)
})

t.test('nothing that a client sent controls the terminal', async t => {
  const text = line({ msg: 'a\u001b[2Jb', path: '/\u001b]0;x\u0007', name: '\u202ex' })
  for (const character of ['\u001b', '\u0007', '\u202e']) t.notOk(text.includes(character))
  t.match(text, 'a\\u001b[2Jb')
})
