import t from 'tap'
import type { Services } from '../../src/services.ts'
import { createGroup, ENTERPRISE_URN, operations, provision, testDirectory, USER_URN } from '../helpers/scim.ts'

const work = { value: 'w@corp.example', type: 'work', primary: true }
const home = { value: 'h@corp.example', type: 'home' }

t.test('operations on a user', async t => {
  const { scim } = await testDirectory(t)
  const id = await provision(scim, { emails: [work, home], title: 'Engineer' })
  const patch = async (...list: object[]) => {
    const answer = await scim('PATCH', `/Users/${id}`, operations(...list))
    t.equal(answer.statusCode, 200, answer.body)
    return answer.json()
  }

  t.test('add', async t => {
    t.strictSame((await patch({ op: 'ADD', path: 'Emails', value: [work] })).emails, [work, home], 'once')
    const other = { value: 'o@corp.example', type: 'other', primary: true }
    t.strictSame(
      (await patch({ op: 'add', path: 'emails', value: other })).emails,
      [{ ...work, primary: false }, home, other],
      'only one is primary',
    )
    const { emails } = await patch({ op: 'add', path: 'emails[type eq "WORK"].primary', value: 'True' })
    t.strictSame(emails, [work, home, { ...other, primary: false }])
    const { name } = await patch({ op: 'add', path: 'name', value: { middleName: 'M' } })
    t.strictSame(name, { givenName: 'Grace', familyName: 'Hopper', middleName: 'M' })
    t.strictSame(
      (await patch({ op: 'add', path: 'photos[type eq "photo"].value', value: 'https://a.example' })).photos,
      [{ type: 'photo', value: 'https://a.example' }],
    )
  })

  t.test('replace', async t => {
    t.strictSame((await patch({ op: 'replace', path: 'emails', value: [work, home] })).emails, [work, home])
    t.equal((await patch({ op: 'replace', path: `${USER_URN}:title`, value: 'Admiral' })).title, 'Admiral')
    t.strictSame(
      (await patch({ op: 'replace', path: 'emails[value ew "H@corp.example"]', value: { display: 'Home' } })).emails,
      [work, { ...home, display: 'Home' }],
    )
    const { [ENTERPRISE_URN]: extension, schemas } = await patch({
      op: 'replace',
      value: { [ENTERPRISE_URN]: { Department: 'Navy', manager: { value: 'x', displayName: 'nobody may say' } } },
    })
    t.strictSame(extension, { department: 'Navy', manager: { value: 'x' } })
    t.strictSame(schemas, [USER_URN, ENTERPRISE_URN])
    t.equal((await patch({ op: 'replace', path: 'title', value: null })).title, undefined, 'null unassigns')
  })

  t.test('remove', async t => {
    t.notOk('middleName' in (await patch({ op: 'remove', path: 'name.middleName' })).name)
    t.strictSame((await patch({ op: 'remove', path: 'emails[type eq "home"].display' })).emails, [work, home])
    t.strictSame((await patch({ op: 'Remove', path: 'emails', value: [{ value: 'H@corp.example' }] })).emails, [work])
    t.strictSame((await patch({ op: 'remove', path: 'emails[type eq "nothing"]' })).emails, [work])
    t.notOk('photos' in (await patch({ op: 'remove', path: 'photos' })))
    t.notOk('photos' in (await patch({ op: 'remove', path: 'photos' })), 'twice')
    t.strictSame((await patch({ op: 'remove', path: ENTERPRISE_URN })).schemas, [USER_URN])
  })

  t.test('all or none', async t => {
    const list = [
      { op: 'replace', path: 'title', value: 'lost' },
      { op: 'replace', path: 'active', value: 'nonsense' },
    ]
    t.equal((await scim('PATCH', `/Users/${id}`, operations(...list))).statusCode, 400)
    t.notOk('title' in (await scim('GET', `/Users/${id}`)).json())
  })
})

t.test('operations on the members of a group', async t => {
  const { scim } = await testDirectory(t)
  const [one, two, three] = [await provision(scim), await provision(scim), await provision(scim)]
  const group = await createGroup(scim, 'crew', [one])
  const patch = async (...list: object[]) => {
    const { statusCode } = await scim('PATCH', `/Groups/${group}`, operations(...list))
    const { members = [] } = (await scim('GET', `/Groups/${group}`)).json()
    return [statusCode, ...members.map(({ value }: { value: string }) => value)]
  }
  const values = (...ids: string[]) => ids.map(value => ({ value }))
  t.strictSame(await patch({ op: 'add', path: 'members', value: values(one, two) }), [204, one, two])
  t.strictSame(await patch({ op: 'add', value: { members: values(three.toUpperCase()) } }), [204, one, two, three])
  t.strictSame(await patch({ op: 'remove', path: `members[value eq "${two}" or value eq "${three}"]` }), [204, one])
  t.strictSame(await patch({ op: 'remove', path: `members[value eq "${two}"]` }), [204, one], 'is no member')
  t.strictSame(await patch({ op: 'add', path: 'members', value: values('00000000-0000-4000-8000-000000000000') }), [
    400,
    one,
  ])
  t.strictSame(await patch({ op: 'replace', path: 'members', value: values(two, three) }), [204, two, three])
  t.strictSame(await patch({ op: 'remove', path: 'members', value: values(two) }), [204, three])
  t.strictSame(await patch({ op: 'remove', path: 'members' }), [204])
  t.strictSame(await patch({ op: 'add', path: 'members', value: [] }), [204])
  t.equal(
    (
      await scim(
        'PATCH',
        `/Groups/${group}?attributes=displayName`,
        operations({ op: 'add', path: 'members', value: [] }),
      )
    ).statusCode,
    200,
  )
  const found = (await scim('GET', `/Groups?filter=${encodeURIComponent(`members[value eq "${one}"]`)}`)).json()
  t.equal(found.totalResults, 0)
})

t.test('operations on a large group', async t => {
  const { scim, services } = await testDirectory(t)
  const [first, ...others] = [await provision(scim), await provision(scim), await provision(scim)] as const
  const group = await createGroup(scim, 'everybody', [first])
  await copyMember(services, first, group, 1_100)
  const patch = (list: object[]) => scim('PATCH', `/Groups/${group}`, operations(...list))
  const members = async () => {
    const answer = await scim('GET', `/Groups/${group}`)
    return answer.json().members.map(({ value }: { value: string }) => value) as string[]
  }
  const add = (id: string | undefined) => ({ op: 'Add', path: 'members', value: [{ value: id }] })
  const drop = (id: string | undefined) => ({ op: 'Remove', path: `members[value eq "${id?.toUpperCase()}"]` })
  const dropListed = (id: string | undefined) => ({ op: 'Remove', path: 'members', value: [{ value: id }] })
  const [one, two] = others
  const order = [add(one), drop(one), add(two), dropListed(two), add(two), drop(first), add(one), drop(one)]
  const many = Array.from({ length: 200 - order.length }, () => add(two?.toUpperCase()))
  const changed = await patch([...order, ...many])
  t.equal(changed.statusCode, 204, changed.body)
  const after = await members()
  t.strictSame(
    [first, one, two].map(id => after.includes(id as string)),
    [false, false, true],
    'one after another',
  )
  t.equal(after.length, 1_101)
  const refused = await patch(Array.from({ length: 200 }, () => ({ op: 'remove', path: 'members[value sw "x"]' })))
  t.match(refused.json(), { status: '400', scimType: 'tooMany' }, 'what goes through all members each time is limited')
  t.equal((await patch([drop(two), { op: 'remove', path: 'members[value sw "x"]' }, add(one)])).statusCode, 204)
})

/** Makes copies of a user of the directory, who are members of the group as well. */
async function copyMember({ db }: Services, user: string, group: string, copies: number): Promise<void> {
  await db.query('create table copies as select gen_random_uuid() as id from generate_series(1, ?::int)', [copies])
  for (const [table, key, unique] of [
    ['users', 'id', { email: "n.id || '@x.example'", email_skeleton: 'null' }],
    ['scim_users', 'user_id', { name_key: 'n.id::text', external_id: 'null' }],
  ] as const) {
    const replaced: Record<string, string> = { ...unique, [key]: 'n.id' }
    const columns = await db.query<{ name: string }>(
      'select column_name as name from information_schema.columns where table_name = ? and table_schema = current_schema()',
      [table],
    )
    const names = columns.map(({ name }) => name)
    const values = names.map(name => replaced[name] ?? `o.${name}`)
    await db.query(`insert into ${table} (${names}) select ${values} from ${table} o, copies n where o.${key} = ?`, [
      user,
    ])
  }
  await db.query('insert into scim_members (group_id, user_id) select ?::uuid, id from copies', [group])
}
