import t from 'tap'
import { SERVER } from '../helpers/database.ts'
import { oneProcess } from './one-process.ts'
import { hasTerminal, ONE_LINE, onTerminal } from './postern.ts'

const PASSWORD = 'correct horse battery'
const postern = await oneProcess(t)

const HOSTILE = '\u001b[2J\u202eevil'
const { bea, cyd } = await postern.inside(async ({ users, db }) => ({
  bea: await users.create({ email: 'bea@example.com', name: 'Bea', password: PASSWORD }),
  cyd: await users.create({ email: 'cyd@example.com', name: 'Cyd', password: PASSWORD }),
  mal: await users
    .create({ email: 'mal@example.com', name: 'Mal', password: PASSWORD })
    // A name that was stored before names had to be visible.
    .then(({ id }) => db.query('update users set name = ? where id = ?', [HOSTILE, id])),
}))

const create = (email: string, ...more: string[]) => ['user', 'create', '--email', email, '--name', 'Ada', ...more]

t.test('a user is created with a password from standard input, and signs in with it', async t => {
  const made = await postern.run(create('Ada@Example.com', '--admin', '--password-stdin'), { input: `${PASSWORD}\n` })
  t.match(made, { code: 0, stdout: /^Created administrator ada@example\.com \([0-9a-f-]{36}\)\n$/, stderr: '' })
  const signedIn = await signIn('ada@example.com')
  t.equal(signedIn.statusCode, 201)
  t.match(signedIn.json().user, { email: 'ada@example.com', name: 'Ada', role: 'admin' })
})

const signIn = (email: string) =>
  postern.overHttp(async app => {
    const payload = { email, password: PASSWORD, device_name: 'laptop' }
    return app.inject({ method: 'POST', url: '/api/tokens', payload })
  })

t.test('a disabled user cannot sign in; JSON tells of users as the API does', async t => {
  const disabled = await postern.run(['user', 'disable', 'BEA@example.com'])
  t.match(disabled, { code: 0, stdout: /^Disabled user bea@example\.com/ })
  t.equal((await signIn('bea@example.com')).statusCode, 401)
  const { data } = await postern.json(['user', 'enable', bea.id])
  t.match(data, { id: bea.id, email: 'bea@example.com', name: 'Bea', role: 'user', disabled_at: null })
  t.same(Object.keys(data).sort(), ['created_at', 'disabled_at', 'email', 'id', 'name', 'role', 'updated_at'])
})

t.test('a user is unlocked', async t => {
  t.match(await postern.run(['user', 'unlock', 'BEA@example.com']), {
    code: 0,
    stdout: /^Unlocked user bea@example\.com/,
  })
  t.match(await postern.json(['user', 'unlock', bea.id]), { data: { id: bea.id } })
  t.match(await postern.run(['user', 'unlock', 'nobody@example.com']), { code: 1, stderr: /There is no user nobody@/ })
})

t.test('the list shows everyone, without passwords, and a hostile name as text', async t => {
  const { code, stdout } = await postern.run(['user', 'list'])
  t.equal(code, 0)
  t.match(stdout, /^ID +E-MAIL +NAME +ROLE +STATUS +CREATED\n/)
  t.ok(stdout.includes('\\u001b[2J\\u202eevil'))
  for (const hidden of ['\u001b', '\u202e', 'argon2']) t.notOk(stdout.includes(hidden))
  const listed = await postern.run(['user', 'list', '--json'])
  for (const hidden of ['\u001b', '\u202e', 'argon2']) t.notOk(listed.stdout.includes(hidden))
  t.equal(JSON.parse(listed.stdout).data.find((u: { email: string }) => u.email === 'mal@example.com').name, HOSTILE)
})

t.test('what cannot be is refused in one line', async t => {
  const taken = await postern.run(create(cyd.email.toUpperCase(), '--password-stdin'), { input: PASSWORD })
  t.same(taken, { code: 1, stdout: '', stderr: 'postern: --email is taken\n' })
  const weak = await postern.run(create('dan@example.com', '--password-stdin'), { input: 'short\n' })
  t.same(weak, { code: 1, stdout: '', stderr: 'postern: The password must have at least 8 characters\n' })
  const unknown = await postern.run(['user', 'disable', 'nobody@example.com'])
  t.match(unknown, { code: 1, stdout: '', stderr: ONE_LINE })
  t.match(unknown.stderr, 'There is no user nobody@example.com. List all users: postern user list')
})

t.test('a database that refuses is heard in one line', { skip: !SERVER && 'it never does' }, async t => {
  const url = new URL(postern.env.DATABASE_URL as string)
  url.searchParams.set('options', '-c default_transaction_read_only=on')
  const refused = await postern.run(['user', 'disable', 'bea@example.com'], { env: { DATABASE_URL: url.href } })
  const stderr =
    'postern: The database is unavailable or accepts no changes at the moment. Changes may not have been saved; try again.\n'
  t.same(refused, { code: 1, stdout: '', stderr })
})

t.test('without a terminal and without --password-stdin nothing is tried', async t => {
  const env = { SCOPES_FILE: '/nowhere' }
  const { code, stderr } = await postern.run(create('eve@example.com'), { input: PASSWORD, env })
  t.equal(code, 2)
  t.match(stderr, ONE_LINE)
  t.match(stderr, '--password-stdin')
})

t.test('a terminal asks twice, without echo', { skip: !hasTerminal && 'there is no script(1)' }, async t => {
  const made = await onTerminal(postern, create('fay@example.com'), [
    ['Password: ', PASSWORD],
    ['Confirm password: ', PASSWORD],
  ])
  t.equal(made.code, 0)
  t.match(made.shown, 'Created user fay@example.com')
  t.notMatch(made.shown, PASSWORD)
  const differing = await onTerminal(postern, create('gus@example.com'), [
    ['Password: ', PASSWORD],
    ['Confirm password: ', `${PASSWORD}!`],
  ])
  t.equal(differing.code, 1)
  t.match(differing.shown, 'The passwords do not match.')
})

t.test('a password is set from standard input, and only the new one works', async t => {
  const { eve } = await postern.inside(async ({ users }) => ({
    eve: await users.create({ email: 'eve@example.com', name: 'Eve', password: 'an older password' }),
  }))
  t.equal((await signIn(eve.email)).statusCode, 401)
  const args = ['user', 'set-password', '--email', 'EVE@example.com', '--password-stdin']
  const set = await postern.run(args, { input: `${PASSWORD}\n` })
  t.match(set, { code: 0, stdout: /^Set the password of user eve@example\.com/, stderr: '' })
  t.equal((await signIn(eve.email)).statusCode, 201)
  const weak = await postern.run(args, { input: 'short\n' })
  t.same(weak, { code: 1, stdout: '', stderr: 'postern: The password must have at least 8 characters\n' })
})

t.test('a role and a name are changed, and the last administrator stays one', async t => {
  const role = (email: string, to: string) => postern.run(['user', 'set-role', '--email', email, '--role', to])
  t.match(await role('cyd@example.com', 'admin'), { code: 0, stdout: /administrator cyd@example\.com/ })
  t.match(await role('ada@example.com', 'user'), { code: 0, stdout: /user ada@example\.com/ })
  const last = await role('cyd@example.com', 'user')
  t.match(last, { code: 1, stdout: '', stderr: /^postern: cyd@example\.com is the last administrator\./ })
  t.match(await role('cyd@example.com', 'owner'), { code: 2, stderr: ONE_LINE })
  const { data } = await postern.json(['user', 'update', 'cyd@example.com', '--name', 'Cyd King'])
  t.match(data, { name: 'Cyd King', email: 'cyd@example.com', role: 'admin' })
  t.equal((await postern.run(['user', 'update', 'cyd@example.com'])).code, 2)
})
