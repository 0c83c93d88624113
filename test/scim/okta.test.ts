import t from 'tap'
import { GROUP_URN, operations, testDirectory, USER_URN } from '../helpers/scim.ts'

/** The requests that Okta's reference of SCIM 2.0 describes. */
t.test('a cycle of Okta', async t => {
  const { scim, services } = await testDirectory(t)
  const profile = {
    schemas: [USER_URN],
    userName: 'test.user@okta.local',
    name: { givenName: 'Test', familyName: 'User' },
    emails: [{ primary: true, value: 'test.user@okta.local', type: 'work' }],
    displayName: 'Test User',
    locale: 'en-US',
    externalId: '00ujl29u0le5T6Aj10h7',
    groups: [],
    password: '1mz050nq',
    active: true,
  }

  t.test('tests the connection', async t => {
    t.match((await scim('GET', '/Users?startIndex=1&count=2')).json(), {
      totalResults: 0,
      Resources: [],
      startIndex: 1,
    })
    t.match((await scim('GET', '/Groups?startIndex=1&count=100')).json(), { totalResults: 0, Resources: [] })
    t.match((await scim('GET', '/ServiceProviderConfig')).json(), {
      patch: { supported: true },
      bulk: { supported: false },
    })
  })

  const created = await scim('POST', '/Users', profile, { 'content-type': 'application/json' })
  const { id } = created.json()

  t.test('creates the user once, and stores no password', async t => {
    t.equal(created.statusCode, 201, created.body)
    t.notOk('password' in created.json())
    t.notMatch(JSON.stringify(await services.db.query('select * from scim_users')), '1mz050nq')
    const url = `/Users?filter=${encodeURIComponent('userName eq "test.user@okta.local"')}&startIndex=1&count=100`
    t.match((await scim('GET', url)).json(), { totalResults: 1, Resources: [{ id }] })
    const second = await scim('POST', '/Users', profile)
    t.equal(second.statusCode, 409)
    t.match(second.json(), { scimType: 'uniqueness', status: '409' })
  })

  t.test('updates the profile by PUT of the whole resource', async t => {
    const current = (await scim('GET', `/Users/${id}`)).json()
    const put = await scim('PUT', `/Users/${id}`, { ...current, name: { ...current.name, middleName: 'Excited' } })
    t.equal(put.statusCode, 200, put.body)
    t.match(put.json(), { id, name: { middleName: 'Excited' }, meta: { version: 'W/"2"' } })
    const same = await scim('PUT', `/Users/${id}`, put.json())
    t.match(same.json().meta.version, 'W/"2"', 'nothing changed')
  })

  t.test('deactivates and activates', async t => {
    const set = (active: boolean) => scim('PATCH', `/Users/${id}`, operations({ op: 'replace', value: { active } }))
    t.match((await set(false)).json(), { active: false })
    t.match((await set(true)).json(), { active: true })
    const current = (await scim('GET', `/Users/${id}`)).json()
    t.match((await scim('PUT', `/Users/${id}`, { ...current, active: false })).json(), { active: false })
    t.match((await scim('PUT', `/Users/${id}`, { ...current, active: true })).json(), { active: true })
  })

  t.test('pushes a group', async t => {
    const group = await scim('POST', '/Groups', { schemas: [GROUP_URN], displayName: 'Test SCIMv2', members: [] })
    t.equal(group.statusCode, 201, group.body)
    const url = `/Groups/${group.json().id}`
    const patch = async (...list: object[]) => (await scim('PATCH', url, operations(...list))).statusCode
    t.equal(await patch({ op: 'replace', value: { id: group.json().id, displayName: 'Test SCIMv2 renamed' } }), 204)
    t.equal(await patch({ op: 'add', path: 'members', value: [{ value: id, display: 'test.user@okta.local' }] }), 204)
    t.match((await scim('GET', url)).json(), {
      displayName: 'Test SCIMv2 renamed',
      members: [{ value: id, type: 'User' }],
    })
    t.equal(await patch({ op: 'remove', path: `members[value eq "${id}"]` }), 204)
    t.notOk('members' in (await scim('GET', url)).json())
    t.equal(
      await patch({ op: 'replace', path: 'members', value: [{ value: id, display: 'test.user@okta.local' }] }),
      204,
    )
    const put = await scim('PUT', url, { schemas: [GROUP_URN], displayName: 'Test SCIMv2', members: [] })
    t.match(put.json(), { displayName: 'Test SCIMv2' })
    t.notOk('members' in put.json())
    t.equal((await scim('DELETE', url)).statusCode, 204)
  })

  t.test('the checks of its test suite', async t => {
    t.equal((await scim('GET', '/Users/not-a-user')).statusCode, 404)
    const listed = (await scim('GET', '/Users?count=1&startIndex=1')).json()
    t.match(listed.Resources, [{ id, name: { givenName: String, familyName: String }, emails: Array, active: true }])
    t.equal((await scim('POST', '/Users', { schemas: [USER_URN], active: true })).statusCode, 400, 'without a userName')
  })
})
