import { setImmediate } from 'node:timers/promises'
import { hash as argon2 } from '@node-rs/argon2'
import { hash as bcrypt } from '@node-rs/bcrypt'
import t from 'tap'
import { createHashKinds } from '../../src/users/hash-kinds.ts'
import { kindOf } from '../../src/users/password-hashes.ts'
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

t.test('a new password has at least 8 characters and at most 1,024 bytes, whatever they are', async t => {
  const services = await testServices(t)
  let people = 0
  const create = (password: string) => services.users.create({ email: `p${++people}@example.com`, name: 'x', password })
  for (const password of ['', 'seven77', '🔑'.repeat(7), 'x'.repeat(1_025), '🔑'.repeat(257)]) {
    await t.rejects(create(password), { message: /password must have/ })
  }
  for (const password of ['🔑'.repeat(8), 'x'.repeat(1_024), '漢字漢字漢字漢字']) t.ok(await create(password))
  await t.rejects(create('a\u0308'.repeat(7)), { message: /at least 8/ }, 'not counted decomposed')
  t.ok(await create('a\u0308'.repeat(512)), 'the bytes of the normal form count')
  t.ok(await create('🔑'.repeat(256)), '1,024 bytes')
})

t.test('a weak hash is replaced at the next sign-in, and a strong one is not', async t => {
  const services = await testServices(t)
  const password = 'the same password'
  const { id, email } = await services.users.create({ email: 'weak@example.com', name: 'x', password })
  const stored = async () => {
    const [row] = await services.db.query<{ hash: string }>('select password_hash as hash from users where id = ?', [
      id,
    ])
    return row?.hash as string
  }
  const store = (hash: string) => services.db.query('update users set password_hash = ? where id = ?', [hash, id])
  for (const weak of [
    await argon2(password, { memoryCost: 4_096, timeCost: 3 }),
    await argon2(password, { memoryCost: 19_456, timeCost: 1 }),
    await argon2(password, { algorithm: 0 }),
    await bcrypt(password, 4),
  ]) {
    await store(weak)
    t.equal((await services.users.authenticate(email, 'another password')) === undefined, true)
    t.equal(await stored(), weak, 'a wrong password replaces nothing')
    t.ok(await services.users.authenticate(email, password), weak)
    t.match(await stored(), /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  }
  const strong = await argon2(password, { memoryCost: 65_536, timeCost: 3 })
  await store(strong)
  t.ok(await services.users.authenticate(email, password))
  t.equal(await stored(), strong)
})

t.test('passwords that Devise peppered', async t => {
  const services = await testServices(t, { devisePepper: 'the pepper' })
  const { id, email } = await services.users.create({
    email: 'pepper@example.com',
    name: 'x',
    password: 'anything else',
  })
  const store = (hash: string) => services.db.query('update users set password_hash = ? where id = ?', [hash, id])
  for (const [hash, works] of [
    [await bcrypt('secret of railsthe pepper', 4), true],
    [await bcrypt('secret of rails', 4), true],
    [await bcrypt('secret of railsanother pepper', 4), false],
    [await argon2('secret of railsthe pepper'), false],
  ] as const) {
    await store(hash)
    t.equal((await services.users.authenticate(email, 'secret of rails')) !== undefined, works)
    if (works) t.ok(await services.users.authenticate(email, 'secret of rails'), 'replaced by a hash without it')
    await store(hash)
    t.equal(await services.users.authenticate(email, 'the pepper'), undefined)
  }
})

t.test('a wrong password is hashed in the same ways, whoever the user is', async t => {
  const done: string[] = []
  const kind = (hash: string) => /^.*\$(?=[^$]{53}$)|^\$argon2.*p=\d+/.exec(hash)?.[0].replace('2y', '2b')
  const { verify: verifyArgon2, hash } = await import('@node-rs/argon2')
  const bcrypts = await import('@node-rs/bcrypt')
  const { passwordMatches } = await t.mockImport<typeof import('../../src/users/passwords.ts')>(
    '../../src/users/passwords.ts',
    {
      '@node-rs/argon2': {
        hash,
        verify: (stored: string, text: string) => {
          done.push(kind(stored) as string)
          return verifyArgon2(stored, text)
        },
      },
      '@node-rs/bcrypt': {
        verify: (text: string, stored: string) => {
          done.push(kind(stored) as string)
          return bcrypts.verify(text, stored)
        },
      },
    },
  )
  const hashes = {
    unknown: undefined,
    ours: await argon2('right', { memoryCost: 19_456, timeCost: 2 }),
    laravel: (await bcrypt('right', 4)).replace('2b', '2y'),
    older: await bcrypt('right', 5),
    argon: await argon2('right', { memoryCost: 8_192, timeCost: 4 }),
  }
  const kinds = Object.values(hashes).flatMap(one => (one === undefined ? [] : (kindOf(one) ?? [])))
  t.equal(new Set(kinds).size, 4)
  for (const pepper of [undefined, 'pepper']) {
    const works: string[][] = []
    for (const [name, stored] of Object.entries(hashes)) {
      done.length = 0
      t.equal(await passwordMatches(stored, 'wrong', { kinds, pepper }), false, name)
      works.push([...done].sort())
      if (stored) t.ok(await passwordMatches(stored, 'right', { kinds, pepper }), name)
    }
    for (const work of works) t.strictSame(work, works[0])
    t.equal(new Set(works[0]).size, 4)
  }
})

t.test('the kinds of hashes are those that users have', async t => {
  const { db, bus, users } = await testServices(t)
  const { id } = await users.create({ email: 'kinds@example.com', name: 'x', password: 'anything else' })
  await users.create({ email: 'other@example.com', name: 'x' })
  const kinds = createHashKinds(db, bus)
  t.strictSame(await kinds(), ['$argon2id$v=19$m=19456,t=2,p=1$'])
  await db.query('update users set password_hash = ? where id = ?', [(await bcrypt('x', 4)).replace('2b', '2y'), id])
  await bus.transaction(async (_, publish) => publish({ kind: 'everything' }))
  // The first one begins to read them, and no sign-in waits for that.
  while ((await kinds())[0] !== '$2b$04$') await setImmediate()
  for (const costly of ['$argon2id$v=19$m=262144,t=1,p=1$x', '$argon2id$v=19$m=65536,t=5,p=1$x', '$2y$13$x']) {
    await db.query('update users set password_hash = ? where id = ?', [costly, id])
    t.strictSame(await createHashKinds(db, bus)(), [], `none that would occupy the server: ${costly}`)
  }
})

t.test('sign-ins read the kinds of hashes once, whatever the database and the bus do', async t => {
  const waiting: PromiseWithResolvers<{ kind: string }[]>[] = []
  const db = {
    query: () => {
      waiting.push(Promise.withResolvers())
      return waiting.at(-1)?.promise
    },
  } as unknown as Parameters<typeof createHashKinds>[0]
  let invalidate = () => {}
  const kinds = createHashKinds(db, {
    subscribe: listener => {
      invalidate = () => listener({ kind: 'everything' })
    },
  })
  const first = Promise.all([kinds(), kinds(), kinds()])
  t.equal(waiting.length, 1, 'they share it')
  waiting[0]?.resolve([{ kind: '$2y$10$' }])
  t.strictSame(await first, [['$2b$10$'], ['$2b$10$'], ['$2b$10$']])
  await kinds()
  t.equal(waiting.length, 1, 'no sign-in reads them again')
  invalidate()
  t.strictSame([await kinds(), await kinds()], [['$2b$10$'], ['$2b$10$']], 'nobody waits for the next ones')
  t.equal(waiting.length, 2)
  waiting[1]?.reject(new Error('the database is busy'))
  await setImmediate()
  t.strictSame(await kinds(), ['$2b$10$'], 'an error fails no sign-in')
  t.equal(waiting.length, 2, 'and is not repeated by every one')
})
