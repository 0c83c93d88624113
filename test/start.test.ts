import { existsSync as exists } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { APP_KEY } from './helpers/app.ts'
import { SERVER } from './helpers/database.ts'
import { launch } from './helpers/process.ts'

const ONLY_SHARED = { skip: SERVER ? false : 'needs a PostgreSQL' }

t.test('on a PostgreSQL: the database that was named does not answer, or is empty', ONLY_SHARED, async t => {
  const url = new URL(SERVER as string)
  const at = (change: Partial<URL>) => Object.assign(new URL(url), change).href
  const refusals: [string, RegExp][] = [
    [at({ port: '1' }), /^postern: DATABASE_URL cannot be reached: connect ECONNREFUSED .*\n$/],
    [
      at({ hostname: 'nowhere.invalid', password: 'hunter2' }),
      /^postern: DATABASE_URL cannot be reached: getaddrinfo .*\n$/,
    ],
    [at({ pathname: '/nothing' }), /^postern: DATABASE_URL cannot be reached: database "nothing" does not exist\n$/],
    [at({ pathname: '/template1' }), /^postern: The database lacks \d+ migration\(s\)\. Run: npx postern migrate\n$/],
  ]
  for (const [DATABASE_URL, expected] of refusals) {
    const refused = await launch(t, { DATABASE_URL, APP_KEY })
    t.equal(await refused.ended, 1)
    t.match(refused.stderr(), expected)
    t.notMatch(refused.stderr(), 'hunter2')
    t.equal(refused.stdout(), '')
  }
})

const SCOPES: [what: string, text: string | undefined, said: RegExp][] = [
  ['is not there', undefined, /cannot be read \(ENOENT\)/],
  ['is not JSON', '{\n "scopes": [\n', /not valid|JSON/],
  ['names a scope twice', catalogue('a', 'a'), /scope "a" is listed twice/],
  ['has a scope without a name', catalogue(''), /scope 1 has no id/],
  ['has a scope with a blank in it', catalogue('a b'), /scope "a b" must be printable ASCII without spaces/],
  ['has a scope with a quote in it', catalogue('a"b'), /scope "a"b" must be/],
  [
    'has a setting that is misspelt',
    '[{"id":"a","description":"A","defualt":true}]',
    /scope "a" has an unknown property "defualt"/,
  ],
  ['has a wrong type', '[{"id":"a","description":1}]', /scope "a" has no description/],
  ['takes a name of our own', catalogue('admin:write'), /scope "admin:write" is reserved/],
]

for (const [what, text, said] of SCOPES) {
  t.test(`a catalogue that ${what}`, async t => {
    const dir = t.testdir(text === undefined ? {} : { 'scopes.json': text })
    const refused = await launch(t, { DATA_DIR: join(dir, 'data'), SCOPES_FILE: join(dir, 'scopes.json') })
    t.equal(await refused.ended, 1)
    t.match(refused.stderr(), said)
    t.match(refused.stderr(), /^postern: SCOPES_FILE .*scopes\.json: [^\n]+\n$/, 'in one line')
    t.equal(refused.stdout(), '')
    t.notOk(exists(join(dir, 'data', 'postgres')), 'and no database was made')
  })
}

t.test('wrong settings end it in one line', async t => {
  const dir = t.testdir({ file: '' })
  const wrong: [Record<string, string>, RegExp][] = [
    [{ PORT: 'http' }, /PORT must be/],
    [{ ISSUER: 'localhost' }, /ISSUER must be/],
    [{ DATABASE_URL: 'mysql://me:hunter2@db' }, /DATABASE_URL must be a postgres:\/\/ URL/],
    [{ DATABASE_URL: 'postgres://127.0.0.1/x' }, /APP_KEY is required with DATABASE_URL/],
    [{ APP_KEY: 'hunter2' }, /APP_KEY must be at least 32 random bytes/],
    [{ DATA_DIR: join(dir, 'file') }, /DATA_DIR .* cannot be written/],
  ]
  for (const [env, said] of wrong) {
    const refused = await launch(t, { DATA_DIR: join(dir, 'data'), ...env })
    t.equal(await refused.ended, 1)
    t.match(refused.stderr(), said)
    t.match(refused.stderr(), /^postern: [^\n]+\n$/, 'in one line')
    t.notMatch(refused.stderr(), 'hunter2')
    t.equal(refused.stdout(), '')
  }
})

function catalogue(...ids: string[]): string {
  return JSON.stringify(ids.map(id => ({ id, description: 'Does it' })))
}

t.test(
  'an issuer with plain http on a public address is warned of',
  { skip: SERVER ? 'the same there' : false },
  async t => {
    const server = await launch(t, { DATA_DIR: t.testdir(), ISSUER: 'http://id.example.com' })
    await server.ready
    server.kill('SIGTERM')
    await server.ended
    t.match(
      server.stderr(),
      /^postern: The issuer http:\/\/id\.example\.com is plain http on a public address: [^\n]+\n/,
    )
  },
)
