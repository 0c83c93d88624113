import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { APP_KEY } from './helpers/app.ts'
import { testDatabase } from './helpers/database.ts'
import { freePort } from './helpers/port.ts'
import { launch } from './helpers/process.ts'

async function environment(t: Test): Promise<Record<string, string>> {
  const { databaseUrl } = await testDatabase(t)
  return databaseUrl ? { DATABASE_URL: databaseUrl, APP_KEY } : { DATA_DIR: t.testdir() }
}

const lines = (stdout: string) =>
  stdout
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line))

t.test('the last line says which signal ended the server', async t => {
  const server = await launch(t, { ...(await environment(t)), LOG_LEVEL: 'info' })
  await server.ready
  server.kill('SIGTERM')
  t.equal(await server.ended, 0)
  t.match(lines(server.stdout()).slice(-2), [
    { level: 30, signal: 'SIGTERM', msg: 'stopping: received SIGTERM' },
    { level: 30, signal: 'SIGTERM', msg: 'stopped', ms: Number },
  ])
})

const FAULT = `process.on('SIGUSR2', () => void Promise.reject(new TypeError('broken')))`

t.test('or which error did', async t => {
  const server = await launch(t, {
    ...(await environment(t)),
    LOG_LEVEL: 'info',
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(FAULT)}`,
  })
  await server.ready
  server.kill('SIGUSR2')
  t.equal(await server.ended, 1)
  // Lines of the start may still follow it.
  t.match(
    lines(server.stdout()).findLast(({ level }) => level === 60),
    {
      level: 60,
      msg: 'stopped: an error that nobody handled',
      err: { type: 'TypeError', message: 'broken', stack: /TypeError: broken\n/ },
    },
  )
  t.equal(server.stderr(), '', 'once')
})

t.test(
  'a person at a terminal reads text',
  { skip: process.platform === 'linux' ? false : 'needs script(1)' },
  async t => {
    const PORT = String(await freePort())
    const { PATH, HOME } = process.env
    const child = spawn('script', ['-qec', `${process.execPath} src/server.ts`, '/dev/null'], {
      cwd: join(import.meta.dirname, '..'),
      env: { PATH, HOME, PORT, ...(await environment(t)) },
    })
    t.teardown(() => child.kill('SIGKILL'))
    let output = ''
    for await (const text of child.stdout.setEncoding('utf8')) {
      output += text
      if (/is ready at/.test(output)) break
    }
    child.kill('SIGTERM')
    await once(child, 'exit')
    t.match(output, /^\d\d:\d\d:\d\d\.\d{3} INFO {2}Server listening at /m)
    t.notMatch(output, /^\{/m)
  },
)
