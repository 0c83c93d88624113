import t from 'tap'
import { newUser } from '../helpers/app.ts'
import { operations, person, provision, testDirectory } from '../helpers/scim.ts'

const email = (value: string) => ({ emails: [{ value, type: 'work', primary: true }] })

t.test('the directory takes over nobody', async t => {
  const { services, scim } = await testDirectory(t)
  const { users } = services
  const victim = await newUser(services, 'admin', 'straße@corp.example')
  const ada = await newUser(services, 'user', 'ada@corp.example')

  t.test('by the name or the address of another user, however it is written', async t => {
    for (const address of [
      'ada@corp.example',
      'ADA@Corp.Example',
      '\uff41da@corp.example',
      'аdа@corp.example',
      'straße@corp.example',
      'stra\u00dfe@CORP.example',
    ]) {
      const taken = { scimType: 'uniqueness', status: '409' }
      for (const body of [person({ userName: address }), person(email(address))]) {
        const created = await scim('POST', '/Users', body)
        // A mixture of scripts is no address at all.
        t.ok([400, 409].includes(created.statusCode), `${address}: ${created.body}`)
        if (created.statusCode === 409) t.match(created.json(), taken)
      }
      const id = await provision(scim)
      for (const operation of [
        { op: 'Replace', path: 'userName', value: address },
        { op: 'Replace', path: 'emails[type eq "work"].value', value: address },
        { op: 'replace', value: email(address) },
      ]) {
        const changed = await scim('PATCH', `/Users/${id}`, operations(operation))
        t.ok([400, 409].includes(changed.statusCode), `${address}: ${changed.body}`)
      }
      const put = await scim('PUT', `/Users/${id}`, person({ userName: address }))
      t.ok([400, 409].includes(put.statusCode))
    }
    t.match(await users.find(ada.id), { email: 'ada@corp.example', name: 'Ada Lovelace', disabledAt: null })
    t.match(await users.find(victim.id), { role: 'admin', disabledAt: null })
  })

  t.test('invisible characters and mixtures of scripts are invalid', async t => {
    for (const name of [
      'a\u202eb@corp.example',
      'a\u200bb@corp.example',
      'a\u0001b',
      'аda@corp.example',
      ' ',
      '\u200b',
      'x'.repeat(300),
    ]) {
      const answer = await scim('POST', '/Users', person({ userName: name }))
      t.equal(answer.statusCode, 400, JSON.stringify(name))
      t.equal(answer.json().scimType, 'invalidValue')
    }
  })

  t.test('by its id', async t => {
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE'] as const) {
      const payload =
        method === 'PUT'
          ? person()
          : method === 'PATCH'
            ? operations({ op: 'replace', path: 'active', value: false })
            : undefined
      t.equal((await scim(method, `/Users/${ada.id}`, payload)).statusCode, 404, method)
    }
    t.match((await scim('GET', `/Users?filter=${encodeURIComponent('userName sw "ada"')}`)).json(), { totalResults: 0 })
  })

  t.test('two users of the directory are two', async t => {
    const one = person()
    t.equal((await scim('POST', '/Users', one)).statusCode, 201)
    const other = person()
    t.equal((await scim('POST', '/Users', { ...other, userName: one.userName.toUpperCase() })).statusCode, 409)
    t.equal((await scim('POST', '/Users', { ...other, externalId: one.externalId })).statusCode, 409)
    t.equal((await scim('POST', '/Users', { ...other, emails: one.emails })).statusCode, 409)
    t.equal((await scim('POST', '/Users', other)).statusCode, 201)
  })

  t.test('the same user created twice at once is one', async t => {
    const body = person()
    const answers = await Promise.all([1, 2, 3, 4].map(() => scim('POST', '/Users', body)))
    t.strictSame(answers.map(({ statusCode }) => statusCode).sort(), [201, 409, 409, 409])
  })

  t.test('nobody sets a password for a user of the directory', async t => {
    const id = await provision(scim)
    t.match(await users.find(id), { hasPassword: false, role: 'user' })
  })
})

t.test('with SCIM_ADOPT, a user with the same confirmed address is taken over, except administrators', async t => {
  const { services, scim } = await testDirectory(t, { scimAdopt: true })
  const { users } = services
  const [ada, boss, unsure, former] = [
    await newUser(services),
    await newUser(services, 'admin'),
    await newUser(services),
    await newUser(services),
  ]
  await users.update(unsure.id, { email: 'unsure@corp.example', emailConfirmed: false })
  await users.disable(former.id)
  const adopted = await scim('POST', '/Users', person({ userName: ada.email, ...email(ada.email.toUpperCase()) }))
  t.equal(adopted.statusCode, 201, adopted.body)
  t.equal(adopted.json().id, ada.id)
  t.match(await users.find(ada.id), { name: 'Grace Hopper', email: ada.email })
  for (const address of [boss.email, 'unsure@corp.example', former.email]) {
    t.equal((await scim('POST', '/Users', person({ userName: address, ...email(address) }))).statusCode, 409, address)
  }
  t.equal((await scim('POST', '/Users', person(email(ada.email)))).statusCode, 409, 'once')
})

t.test('an external id links the user at a provider, until it changes', async t => {
  const provider = {
    key: '1',
    issuer: 'https://login.example.com',
    clientId: 'postern',
    clientSecret: 'secret',
    privateKey: undefined,
    scopes: 'openid',
    label: 'Example',
    provision: 'existing',
    admins: undefined,
    externalId: 'oid',
    link: 'none',
  } as const
  const { services, scim } = await testDirectory(t, { oidc: [provider] })
  const { resolvePerson } = services
  const id = await provision(scim, { externalId: 'oid-1' })
  const signIn = (subject: string, externalId: string | undefined) =>
    resolvePerson(
      {
        subject,
        externalId,
        email: undefined,
        name: undefined,
        isAdmin: undefined,
        authenticatedAt: undefined,
        session: undefined,
      },
      provider,
    )
  t.equal((await signIn('pairwise-1', 'oid-1')).id, id)
  t.equal((await signIn('pairwise-1', undefined)).id, id, 'known by the subject from then on')
  await t.rejects(signIn('pairwise-2', 'oid-1'), /no account/, 'another subject with the same external id')
  await t.rejects(signIn('pairwise-3', undefined), /no account/)
  await scim('PATCH', `/Users/${id}`, operations({ op: 'Replace', path: 'externalId', value: 'oid-2' }))
  await t.rejects(signIn('pairwise-1', 'oid-1'), /no account/, 'the former person')
  t.equal((await signIn('pairwise-4', 'oid-2')).id, id)
  await scim('PATCH', `/Users/${id}`, operations({ op: 'Replace', path: 'active', value: 'False' }))
  await t.rejects(signIn('pairwise-4', 'oid-2'), /disabled/)
  await scim('DELETE', `/Users/${id}`)
  await t.rejects(signIn('pairwise-4', 'oid-2'), /no account/)
})
