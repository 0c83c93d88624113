import t from 'tap'
import { hashPassword, passwordMatches } from '../../src/users/passwords.ts'
import { testServices } from '../helpers/app.ts'

t.test('a password is kept as argon2id, salted', async t => {
  const services = await testServices(t)
  const password = 'the same password'
  for (const email of ['a@example.com', 'b@example.com']) await services.users.create({ email, name: 'x', password })
  const rows = await services.db.query<{ password_hash: string }>('select password_hash from users')
  t.equal(new Set(rows.map(row => row.password_hash)).size, 2)
  for (const row of rows) t.match(row.password_hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
})

t.test('nobody is let in by a hash that is not there', async t => {
  for (const password of ['', 'x', 'there is no such user']) t.equal(await passwordMatches(undefined, password), false)
  const hash = await hashPassword('a password')
  t.equal(await passwordMatches(hash, 'a password'), true)
  t.equal(await passwordMatches(hash, 'a passwore'), false)
})

t.test('a new password has 8 to 256 characters, whatever they are', async t => {
  const services = await testServices(t)
  let people = 0
  const create = (password: string) => services.users.create({ email: `p${++people}@example.com`, name: 'x', password })
  for (const password of ['', 'seven77', '🔑'.repeat(7), 'x'.repeat(257)]) {
    await t.rejects(create(password), { message: /password must have/ })
  }
  for (const password of ['🔑'.repeat(8), 'x'.repeat(256), '漢字漢字漢字漢字']) t.ok(await create(password))
  await t.rejects(create('a\u0308'.repeat(7)), { message: /at least 8/ }, 'not counted decomposed')
  t.ok(await create('a\u0308'.repeat(256)))
  t.ok(await create('🔑'.repeat(256)), '1,024 bytes')
})
