import t from 'tap'
import { ENTERPRISE_URN, GROUP_URN, operations, testDirectory, USER_URN } from '../helpers/scim.ts'

/** The requests that the provisioning service of Entra ID documents and sends. */
t.test('a cycle of Entra ID', async t => {
  const { scim } = await testDirectory(t)
  const name = 'Test_User_ab6490ee-1e48-479e-a20b-2d77186b5dd1'
  const address = 'Test_User_fd0ea19b-0777-472c-9f96-4f70d2226f2e@testuser.com'
  const created = await scim('POST', '/Users', {
    schemas: [USER_URN, ENTERPRISE_URN],
    externalId: '0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef',
    userName: name,
    active: true,
    emails: [{ primary: true, type: 'work', value: address }],
    meta: { resourceType: 'User' },
    name: { formatted: 'givenName familyName', familyName: 'familyName', givenName: 'givenName' },
    roles: [],
    [ENTERPRISE_URN]: { department: 'Tour Operations', manager: '' },
  })
  const { id } = created.json()

  t.test('creates the user', async t => {
    t.equal(created.statusCode, 201, created.body)
    t.match(created.headers['content-type'], /^application\/scim\+json/)
    t.match(created.headers.location, new RegExp(`/scim/v2/Users/${id}$`))
    t.match(created.json(), {
      schemas: [USER_URN, ENTERPRISE_URN],
      externalId: '0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef',
      userName: name,
      active: true,
      meta: { resourceType: 'User', version: 'W/"1"' },
      [ENTERPRISE_URN]: { department: 'Tour Operations' },
    })
  })

  t.test('looks for users by name, and gets an empty list for an unknown one', async t => {
    const find = async (userName: string) =>
      (await scim('GET', `/Users?filter=${encodeURIComponent(`userName eq "${userName}"`)}`)).json()
    t.match(await find(name.toUpperCase()), { totalResults: 1, Resources: [{ id }], itemsPerPage: 1, startIndex: 1 })
    t.match(await find('non-existent user'), { totalResults: 0, Resources: [] })
  })

  t.test('connects to a missing user', async t => {
    const missing = await scim('GET', '/Users/5171a35d82074e068ce2')
    t.equal(missing.statusCode, 404)
    t.match(missing.headers['content-type'], /^application\/scim\+json/)
    t.strictSame(missing.json(), {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'],
      detail: 'There is no such user.',
      status: '404',
    })
  })

  t.test('changes attributes by the forms that it has', async t => {
    const patched = await scim(
      'PATCH',
      `/Users/${id}`,
      operations(
        { op: 'Replace', path: 'emails[type eq "work"].value', value: 'updatedEmail@microsoft.com' },
        { op: 'Replace', path: 'name.familyName', value: 'updatedFamilyName' },
        { op: 'Add', path: 'phoneNumbers[type eq "mobile"].value', value: '+1 555 0100' },
        { op: 'Add', path: `${ENTERPRISE_URN}:manager`, value: '7b5ab4f0-0000-4000-8000-000000000000' },
        { op: 'Replace', path: `${ENTERPRISE_URN}:department`, value: 'Sales' },
        {
          op: 'Replace',
          value: { displayName: 'New Name', 'name.givenName': 'New', 'emails[type eq "home"].value': 'h@example.com' },
        },
      ),
    )
    t.equal(patched.statusCode, 200, patched.body)
    t.match(patched.json(), {
      displayName: 'New Name',
      name: { familyName: 'updatedFamilyName', givenName: 'New' },
      emails: [
        { primary: true, type: 'work', value: 'updatedEmail@microsoft.com' },
        { type: 'home', value: 'h@example.com' },
      ],
      phoneNumbers: [{ type: 'mobile', value: '+1 555 0100' }],
      [ENTERPRISE_URN]: { department: 'Sales', manager: { value: '7b5ab4f0-0000-4000-8000-000000000000' } },
    })
    const renamed = await scim(
      'PATCH',
      `/Users/${id}`,
      operations({ op: 'Replace', path: 'userName', value: 'renamed@corp.example' }),
    )
    t.equal(renamed.json().userName, 'renamed@corp.example')
    const removed = await scim('PATCH', `/Users/${id}`, operations({ op: 'Remove', path: `${ENTERPRISE_URN}:manager` }))
    t.strictSame(removed.json()[ENTERPRISE_URN], { department: 'Sales' })
  })

  t.test('deactivates by the text "False", and activates', async t => {
    const set = async (operation: object) => (await scim('PATCH', `/Users/${id}`, operations(operation))).json().active
    t.equal(await set({ op: 'Replace', path: 'active', value: 'False' }), false)
    t.equal(await set({ op: 'Replace', path: 'active', value: 'True' }), true)
    t.equal(await set({ op: 'replace', value: { active: false } }), false)
    t.equal(await set({ op: 'Add', path: `${USER_URN}:active`, value: true }), true)
  })

  t.test('manages a group', async t => {
    const group = await scim('POST', '/Groups', {
      schemas: [GROUP_URN, 'http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group'],
      externalId: '8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159',
      displayName: 'displayName',
      meta: { resourceType: 'Group' },
    })
    t.equal(group.statusCode, 201, group.body)
    const url = `/Groups/${group.json().id}`
    const filter = encodeURIComponent('displayName eq "displayName"')
    const found = (await scim('GET', `/Groups?excludedAttributes=members&filter=${filter}`)).json()
    t.match(found, { totalResults: 1, Resources: [{ displayName: 'displayName' }] })
    const patch = async (operation: object) => (await scim('PATCH', url, operations(operation))).statusCode
    const members = async () => (await scim('GET', url)).json().members?.map(({ value }: { value: string }) => value)

    t.equal(
      await patch({
        op: 'Replace',
        path: 'displayName',
        value: '1879db59-3bdf-4490-ad68-ab880a269474updatedDisplayName',
      }),
      204,
    )
    t.equal(await patch({ op: 'Add', path: 'members', value: [{ $ref: null, value: id }] }), 204)
    t.strictSame(await members(), [id])
    t.notOk('members' in (await scim('GET', `${url}?excludedAttributes=members`)).json())
    t.match((await scim('GET', `/Users/${id}`)).json().groups, [{ value: group.json().id, type: 'direct' }])
    t.equal(await patch({ op: 'Remove', path: 'members', value: [{ $ref: null, value: id }] }), 204)
    t.strictSame(await members(), undefined)
    t.equal(await patch({ op: 'Add', path: 'members', value: [{ value: id }] }), 204)
    t.equal(await patch({ op: 'Remove', path: `members[value eq "${id}"]` }), 204)
    t.strictSame(await members(), undefined)
    t.equal((await scim('DELETE', url)).statusCode, 204)
    t.equal((await scim('GET', url)).statusCode, 404)
  })

  t.test('deletes the user, whose name can then be used again', async t => {
    t.equal((await scim('DELETE', `/Users/${id}`)).statusCode, 204)
    t.equal((await scim('GET', `/Users/${id}`)).statusCode, 404)
    t.equal((await scim('DELETE', `/Users/${id}`)).statusCode, 404)
    const again = await scim('POST', '/Users', {
      userName: 'renamed@corp.example',
      externalId: '0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef',
    })
    t.equal(again.statusCode, 201, again.body)
    t.not(again.json().id, id)
  })
})
