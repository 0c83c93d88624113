import Fastify from 'fastify'
import t from 'tap'
import { createEmbeddedPlugins } from '../../src/embed.ts'
import { PASSWORD } from '../helpers/app.ts'
import { embeddedServices } from '../helpers/embedding.ts'
import { isProblem } from '../helpers/problem.ts'
import { bearer, requester } from '../helpers/requester.ts'

/** PostgreSQL quotes rows in its errors: the log of the application around us gets none of them. */

const services = await embeddedServices(t)
const lines: string[] = []
const app = Fastify({ logger: { level: 'trace', stream: { write: line => void lines.push(line) } } })
await app.register(createEmbeddedPlugins(services).plugin)
t.teardown(() => app.close())

const email = 'administrator@example.com'
const user = await services.users.create({ email, name: 'Ada', password: PASSWORD, role: 'admin' })
const scopes = ['tokens:write', 'admin:read', 'admin:write']
const { plainText } = await services.tokens.issuePersonal({ user, name: 'test', scopes })
const ask = requester(app, bearer(plainText))

async function errorOf(work: () => ReturnType<typeof ask.post>) {
  lines.length = 0
  const answer = await work()
  isProblem(t, answer, 500, answer.body)
  const text = lines.join('')
  return { text, errors: lines.map(line => JSON.parse(line)).flatMap(({ err }) => (err ? [err] : [])) }
}

t.test('a value that is there already', async t => {
  await services.db.query('create unique index test_unique on oauth_access_tokens (name)')
  await ask.post('/api/tokens', { name: 'SECRET-NAME' })
  const { text, errors } = await errorOf(() => ask.post('/api/tokens', { name: 'SECRET-NAME' }))
  t.match(errors, [{ code: '23505', constraint: 'test_unique', table: 'oauth_access_tokens' }])
  t.match(errors[0], { message: /unique constraint "test_unique"/, stack: /\n +at / })
  t.notMatch(text, /SECRET-NAME|already exists/)
})

t.test('a row that a rule of the table refuses, with the hash of a password in it', async t => {
  await services.db.query(`alter table users add constraint test_rule check (name <> 'SECRET-NAME')`)
  const person = { email: 'secret@example.com', name: 'SECRET-NAME', password: 'SECRET-PASSWORD' }
  const { text, errors } = await errorOf(() => ask.post('/admin/users', person))
  t.match(errors, [{ code: '23514', constraint: 'test_rule' }])
  t.notMatch(text, /SECRET|secret@|argon2|Failing row/)
})

t.test('a value that has another form than its column', async t => {
  await services.db.query(`create function test_cast() returns trigger language plpgsql as
    $$ begin perform new.name::uuid; return new; end $$`)
  await services.db.query(
    'create trigger test_cast before insert on oauth_clients for each row execute function test_cast()',
  )
  const client = { name: 'SECRET-NAME', redirect_uris: ['https://app.example/cb'] }
  const { text, errors } = await errorOf(() => ask.post('/admin/clients', client))
  t.match(errors, [{ code: '22P02', message: 'invalid input syntax for type uuid: "…"' }])
  t.notMatch(text, /SECRET|PL\/pgSQL/)
})

t.test('whoever embeds the server gets no rows either', async t => {
  const error = await services.tokens.issuePersonal({ user, name: 'test', scopes: [] }).catch(error => error)
  t.equal(error.code, '23505')
  t.notMatch(JSON.stringify([error, error.message, error.stack, { ...error }]), /Key \(|already exists/)
})
