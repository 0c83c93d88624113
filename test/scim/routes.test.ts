import t from 'tap'
import { testApp } from '../helpers/app.ts'
import {
  createGroup,
  directory,
  GROUP_URN,
  operations,
  person,
  provision,
  testDirectory,
  USER_URN,
} from '../helpers/scim.ts'

t.test('without SCIM_TOKEN there are no routes', async t => {
  const { app } = await testApp(t)
  t.equal((await directory(app)('GET', '/Users')).statusCode, 404)
})

t.test('only the directory is let in', async t => {
  const { app, scim } = await testDirectory(t)
  for (const authorization of [undefined, 'Bearer wrong', 'Basic eDp5', 'Bearer '])
    for (const url of ['/scim/v2/Users', '/scim/v2/nothing', '/scim/v2/ServiceProviderConfig']) {
      const answer = await app.inject({ url, headers: authorization === undefined ? {} : { authorization } })
      t.equal(answer.statusCode, 401, `${authorization} ${url}`)
      t.match(answer.headers, { 'www-authenticate': /^Bearer/, 'content-type': /^application\/scim\+json/ })
      t.match(answer.json(), { schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'], status: '401' })
    }
  t.equal((await scim('GET', '/nothing')).statusCode, 404)
  t.equal((await scim('GET', '/Me')).statusCode, 501)
  t.equal((await scim('POST', '/Bulk', {})).statusCode, 501)
})

t.test('wrong tokens are limited, and do not limit the directory', async t => {
  const { app, scim } = await testDirectory(t)
  const wrong = () => app.inject({ url: '/scim/v2/Users', headers: { authorization: 'Bearer wrong' } })
  let status = 401
  for (let i = 0; i < 400 && status === 401; i++) status = (await wrong()).statusCode
  t.equal(status, 429)
  t.ok((await wrong()).headers['retry-after'])
  t.equal((await scim('GET', '/Users')).statusCode, 200)
})

t.test('what the server says about itself', async t => {
  const { scim } = await testDirectory(t)
  const schemas = (await scim('GET', '/Schemas')).json()
  t.equal(schemas.totalResults, 3)
  const user = (await scim('GET', `/Schemas/${USER_URN}`)).json()
  t.match(user.attributes[0], {
    name: 'userName',
    type: 'string',
    required: true,
    caseExact: false,
    uniqueness: 'server',
  })
  t.equal((await scim('GET', '/Schemas/nothing')).statusCode, 404)
  t.match((await scim('GET', '/ResourceTypes')).json().Resources, [{ id: 'User', endpoint: '/Users' }, { id: 'Group' }])
  t.match((await scim('GET', '/ResourceTypes/Group')).json(), { schema: GROUP_URN })
  t.match((await scim('GET', '/ServiceProviderConfig')).json(), {
    sort: { supported: false },
    etag: { supported: true },
  })
})

t.test('versions', async t => {
  const { scim } = await testDirectory(t)
  const id = await provision(scim)
  const rename = (version: string) =>
    scim('PATCH', `/Users/${id}`, operations({ op: 'replace', path: 'title', value: `title ${version}` }), {
      'if-match': version,
    })
  const { etag } = (await scim('GET', `/Users/${id}`)).headers
  t.equal(etag, 'W/"1"')
  t.equal((await scim('GET', `/Users/${id}`, undefined, { 'if-none-match': etag as string })).statusCode, 304)
  t.equal((await rename('W/"1"')).statusCode, 200)
  t.equal((await rename('W/"1"')).statusCode, 412)
  t.match((await rename('W/"1"')).json(), { status: '412' })
  t.equal((await rename('W/"7", W/"2"')).statusCode, 200)
  t.equal((await scim('DELETE', `/Users/${id}`, undefined, { 'if-match': 'W/"1"' })).statusCode, 412)
  t.equal((await scim('DELETE', `/Users/${id}`, undefined, { 'if-match': '*' })).statusCode, 204)
  const group = await createGroup(scim, 'versions')
  t.equal((await scim('DELETE', `/Groups/${group}`, undefined, { 'if-match': 'W/"9"' })).statusCode, 412)
})

t.test('concurrent changes of one user are all kept', async t => {
  const { scim } = await testDirectory(t)
  const id = await provision(scim)
  const fields = ['title', 'nickName', 'userType', 'locale']
  const answers = await Promise.all(
    fields.map(path => scim('PATCH', `/Users/${id}`, operations({ op: 'add', path, value: path }))),
  )
  t.ok(answers.every(({ statusCode }) => statusCode === 200))
  t.match((await scim('GET', `/Users/${id}`)).json(), {
    title: 'title',
    nickName: 'nickName',
    userType: 'userType',
    locale: 'locale',
  })
})

t.test('hostile bodies', async t => {
  const { app, scim, services } = await testDirectory(t)
  const id = await provision(scim)
  const before = (await scim('GET', `/Users/${id}`)).json()
  const patch = (...list: object[]) => scim('PATCH', `/Users/${id}`, operations(...list))

  t.test('change no prototype', async t => {
    for (const path of [
      '__proto__.active',
      'constructor.prototype.polluted',
      '__proto__',
      'emails[type eq "work"].__proto__',
      'name.__proto__',
      `${USER_URN}:__proto__`,
      'prototype',
    ]) {
      const answer = await patch({ op: 'add', path, value: { polluted: true } })
      t.equal(answer.statusCode, 400, path)
      t.equal(answer.json().scimType, 'invalidPath', path)
    }
    const texts = [
      '{"Operations":[{"op":"add","value":{"__proto__":{"polluted":true}}}]}',
      '{"Operations":[{"op":"add","path":"name","value":{"__proto__":{"polluted":true}}}]}',
      '{"Operations":[{"op":"add","value":{"constructor":{"prototype":{"polluted":true}}}}]}',
      '{"__proto__":{"userName":"x"},"userName":"y"}',
    ]
    for (const text of texts) t.equal((await scim('PATCH', `/Users/${id}`, text)).statusCode, 400, text)
    for (const name of ['__proto__.polluted', 'constructor', 'toString']) {
      t.equal(
        (await patch({ op: 'add', value: { [name]: { polluted: true } } })).statusCode,
        200,
        'unknown names are left out',
      )
    }
    t.equal(({} as { polluted?: boolean }).polluted, undefined)
    const { meta: _, ...after } = (await scim('GET', `/Users/${id}`)).json()
    const { meta: _1, ...expected } = before
    t.strictSame(after, expected)
  })

  t.test('are refused with the type of RFC 7644', async t => {
    const cases: [object, string][] = [
      [{ op: 'move', path: 'title', value: 'x' }, 'invalidSyntax'],
      [{ path: 'title', value: 'x' }, 'invalidSyntax'],
      [{ op: 'remove' }, 'noTarget'],
      [{ op: 'remove', path: 'userName' }, 'mutability'],
      [{ op: 'replace', path: 'id', value: 'x' }, 'mutability'],
      [{ op: 'replace', path: 'meta.created', value: 'x' }, 'mutability'],
      [{ op: 'add', path: 'groups', value: [{ value: 'x' }] }, 'mutability'],
      [{ op: 'replace', path: 'active', value: 'maybe' }, 'invalidValue'],
      [{ op: 'replace', path: 'title', value: { deep: 1 } }, 'invalidValue'],
      [{ op: 'replace', path: 'title', value: 5 }, 'invalidValue'],
      [{ op: 'replace', path: 'title', value: 'x'.repeat(5_000) }, 'invalidValue'],
      [{ op: 'replace', path: 'title' }, 'invalidValue'],
      [{ op: 'replace', path: 'emails[type co "w" or value pr', value: 'x' }, 'invalidPath'],
      [{ op: 'replace', path: 'emails[nothing eq "work"].value', value: 'x' }, 'invalidFilter'],
      [{ op: 'replace', path: 'phoneNumbers[type co "w"].value', value: 'x' }, 'noTarget'],
      [{ op: 'replace', path: 7, value: 'x' }, 'invalidPath'],
      [{ op: 'replace', value: 'x' }, 'invalidValue'],
      [{ op: 'add', path: 'emails', value: Array(200).fill({ value: 'x@example.com' }) }, 'invalidValue'],
    ]
    for (const [operation, scimType] of cases) {
      const answer = await patch(operation)
      t.match([answer.statusCode, answer.json().scimType], [400, scimType], JSON.stringify(operation).slice(0, 80))
    }
    t.equal((await patch(...Array(201).fill({ op: 'add', path: 'title', value: 'x' }))).json().scimType, 'tooMany')
    t.equal((await scim('PATCH', `/Users/${id}`, {})).statusCode, 400)
    t.equal((await scim('PATCH', `/Users/${id}`, '[]')).statusCode, 400)
    for (const body of [
      '',
      'null',
      '5',
      '"x"',
      '[]',
      '{',
      '{"userName":7}',
      '{"userName":{"a":1}}',
      '{"userName":null}',
    ]) {
      t.equal((await scim('POST', '/Users', body)).statusCode, 400, body)
    }
    const type = { 'content-type': 'text/xml' }
    t.equal((await scim('POST', '/Users', '<a/>', type)).statusCode, 415)
    t.equal((await scim('POST', '/Users', { userName: 'x'.repeat(1_100_000) })).statusCode, 413)
    t.match((await scim('GET', `/Users/${id}`)).json(), { userName: before.userName, emails: before.emails })
  })

  t.test('cannot give a role or change other fields', async t => {
    const body = person({
      role: 'admin',
      roles: [{ value: 'admin' }],
      id: '0',
      allowedScopes: null,
      entitlements: [{ value: 'admin:write' }],
    })
    const created = await scim('POST', '/Users', body)
    t.match(await services.users.find(created.json().id), { role: 'user' })
  })

  t.test('appear in no log of the audit', async t => {
    t.notMatch(JSON.stringify(await services.auditLog.list({}, { limit: 100 })), 'Hopper')
    t.equal((await app.inject('/openapi.json')).body.includes('/scim/v2'), false)
  })
})
