import fc from 'fast-check'
import t from 'tap'
import { ENTERPRISE_SCHEMA, USER } from '../../src/scim/attributes.ts'
import { parseFilter } from '../../src/scim/filter.ts'
import type { Resource } from '../../src/scim/values.ts'
import { lateAfter } from '../helpers/late.ts'
import { provision, testDirectory } from '../helpers/scim.ts'

/** A filter as text, and what it says in plain code. */
interface Case {
  text: string
  says(user: Resource): boolean
}

const values = ['ada', 'Ada', 'ADA Byron', 'grace', 'Grace "G" Hopper', 'a.b[c] (d) and e', '\\', 'é']
const fold = (value: unknown) => String(value).toLowerCase()
const COMPARE: Record<string, (one: string, other: string) => boolean> = {
  eq: (one, other) => one === other,
  ne: (one, other) => one !== other,
  co: (one, other) => one.includes(other),
  sw: (one, other) => one.startsWith(other),
  ew: (one, other) => one.endsWith(other),
  gt: (one, other) => one > other,
  ge: (one, other) => one >= other,
  lt: (one, other) => one < other,
  le: (one, other) => one <= other,
}
const PATHS: Record<string, (user: Resource) => unknown[]> = {
  userName: user => [user.userName],
  'name.familyName': user => [(user.name as Resource)?.familyName],
  'emails.value': user => ((user.emails ?? []) as Resource[]).map(({ value }) => value),
  emails: user => ((user.emails ?? []) as Resource[]).map(({ value }) => value),
  [`${ENTERPRISE_SCHEMA}:department`]: user => [(user[ENTERPRISE_SCHEMA] as Resource)?.department],
}
const present = (found: unknown[]) => found.filter(value => value !== undefined)
const anyCase = (text: string) => fc.constantFrom(text, text.toUpperCase(), text.toLowerCase())

const comparison: fc.Arbitrary<Case> = fc
  .tuple(fc.constantFrom(...Object.keys(PATHS)), fc.constantFrom(...Object.keys(COMPARE)), fc.constantFrom(...values))
  .chain(([path, op, value]) =>
    fc.tuple(anyCase(path), anyCase(op)).map(([p, o]) => ({
      text: `${p} ${o} ${JSON.stringify(value)}`,
      says: (user: Resource) =>
        present((PATHS[path] as (user: Resource) => unknown[])(user)).some(one =>
          COMPARE[op]?.(fold(one), fold(value)),
        ),
    })),
  )
const presence: fc.Arbitrary<Case> = fc.constantFrom(...Object.keys(PATHS)).map(path => ({
  text: `${path} pr`,
  says: user => present((PATHS[path] as (user: Resource) => unknown[])(user)).length > 0,
}))
const active: fc.Arbitrary<Case> = fc.constantFrom('true', 'false', '"True"', '"False"').map(value => ({
  text: `active eq ${value}`,
  says: user => user.active === value.toLowerCase().includes('true'),
}))
const valuePath: fc.Arbitrary<Case> = fc
  .tuple(fc.constantFrom('work', 'home', 'Work'), fc.constantFrom('eq', 'co'), fc.constantFrom(...values))
  .map(([type, op, value]) => ({
    text: `emails[type eq "${type}" and value ${op} ${JSON.stringify(value)}]`,
    says: user =>
      ((user.emails ?? []) as Resource[]).some(
        email => fold(email.type) === fold(type) && COMPARE[op]?.(fold(email.value), fold(value)),
      ),
  }))

const { filter } = fc.letrec<{ filter: Case }>(tie => ({
  filter: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    comparison,
    presence,
    active,
    valuePath,
    tie('filter').map(one => ({ text: `not (${one.text})`, says: (user: Resource) => !one.says(user) })),
    fc.tuple(tie('filter'), tie('filter')).map(([a, b]) => ({
      text: `(${a.text}) and (${b.text})`,
      says: (user: Resource) => a.says(user) && b.says(user),
    })),
    fc.tuple(tie('filter'), tie('filter'), tie('filter')).map(([a, b, c]) => ({
      text: `(${a.text}) or (${b.text}) AND (${c.text})`,
      says: (user: Resource) => a.says(user) || (b.says(user) && c.says(user)),
    })),
  ),
}))

const email = fc.record({ value: fc.constantFrom(...values), type: fc.constantFrom('work', 'home', 'WORK') })
const user: fc.Arbitrary<Resource> = fc.record(
  {
    userName: fc.constantFrom(...values),
    active: fc.boolean(),
    name: fc.record({ familyName: fc.constantFrom(...values) }),
    emails: fc.array(email, { minLength: 1, maxLength: 3 }),
    [ENTERPRISE_SCHEMA]: fc.record({ department: fc.constantFrom(...values) }),
  },
  { requiredKeys: ['userName', 'active'] },
)

t.test('a filter says what plain code says', async t => {
  const isLate = lateAfter(15_000)
  fc.assert(
    fc.property(filter, fc.array(user, { minLength: 1, maxLength: 5 }), (one, users) => {
      if (isLate()) return
      const parsed = parseFilter(USER, one.text)
      for (const each of users) if (parsed.matches(each) !== one.says(each)) throw new Error(JSON.stringify(each))
    }),
    { numRuns: 1_000 },
  )
  t.pass()
})

t.test('filters over HTTP', async t => {
  const { scim } = await testDirectory(t)
  const ids: string[] = []
  for (const name of ['ada@corp.example', 'bob@corp.example', 'cyd@corp.example']) {
    ids.push(await provision(scim, { userName: name, externalId: `id-${name}`, displayName: name.slice(0, 3) }))
  }
  const query = (filter: string, more = '') => scim('GET', `/Users?filter=${encodeURIComponent(filter)}${more}`)
  const found = async (filter: string, more = '') =>
    (await query(filter, more)).json().Resources.map(({ userName }: { userName: string }) => userName.slice(0, 3))

  t.test('find', async t => {
    t.strictSame(await found('externalId eq "id-bob@corp.example"'), ['bob'])
    t.strictSame(await found('externalId eq "ID-bob@corp.example"'), [], 'an id is exact')
    t.strictSame(await found(`id eq "${ids[2]}"`), ['cyd'])
    t.strictSame(await found('id eq "nobody"'), [])
    t.strictSame(await found('userName sw "b" or displayName ew "YD"'), ['bob', 'cyd'])
    t.strictSame(await found('meta.created gt "2001-01-01T00:00:00Z" and not (userName co "b@")'), ['ada', 'cyd'])
    t.strictSame(await found('meta.lastModified lt "2001-01-01T00:00:00+02:00"'), [])
    t.strictSame(await found('emails pr', '&startIndex=2&count=1'), ['bob'])
    t.match((await query('emails pr', '&startIndex=2&count=1')).json(), {
      totalResults: 3,
      itemsPerPage: 1,
      startIndex: 2,
    })
  })

  t.test('are refused as RFC 7644 says', async t => {
    for (const filter of [
      'userName',
      'userName eq',
      'userName eq bob',
      'userName is "x"',
      'nothing eq "x"',
      '__proto__ pr',
      'constructor.prototype pr',
      'userName.__proto__ eq "x"',
      'active gt true',
      'active eq "perhaps"',
      'userName eq 5',
      'name eq "x"',
      'meta.created gt "yesterday"',
      'userName eq "a" userName eq "b"',
      `${'('.repeat(200)}userName pr${')'.repeat(200)}`,
      `${'not '.repeat(400)}userName pr`,
      Array(150).fill('userName pr').join(' or '),
      `"${'\n'.repeat(60)}`,
      `userName eq "${'x'.repeat(3_000)}"`,
      'emails[type eq "work"',
      'userName[value eq "x"]',
    ]) {
      const answer = await query(filter)
      t.equal(answer.statusCode, 400, filter.slice(0, 60))
      t.match(answer.json(), { scimType: 'invalidFilter', status: '400' })
    }
    t.equal((await scim('GET', '/Users?filter=userName%20pr&filter=id%20pr')).statusCode, 400)
  })

  t.test('pages', async t => {
    const page = async (query: string) => (await scim('GET', `/Users?${query}`)).json()
    t.match(await page('count=0'), { totalResults: 3, itemsPerPage: 0, Resources: [] })
    t.match(await page('count=-5'), { totalResults: 3, itemsPerPage: 0, Resources: [] })
    t.match(await page('startIndex=0&count=2'), { startIndex: 1, itemsPerPage: 2 })
    t.match(await page('startIndex=3&count=999999'), { startIndex: 3, itemsPerPage: 1 })
    t.match(await page('startIndex=9'), { totalResults: 3, itemsPerPage: 0 })
    t.equal((await scim('GET', '/Users?count=two')).statusCode, 400)
  })

  t.test('searches by POST, and chosen attributes', async t => {
    const search = await scim('POST', '/Users/.search', {
      schemas: ['urn:ietf:params:scim:api:messages:2.0:SearchRequest'],
      attributes: ['userName', 'emails.value'],
      filter: 'userName eq "ada@corp.example"',
      startIndex: 1,
      count: 10,
    })
    const [{ id, schemas, ...rest }] = search.json().Resources
    t.equal(id, ids[0])
    t.ok(schemas)
    t.strictSame(rest, { userName: 'ada@corp.example', emails: [{ value: String(rest.emails[0].value) }] })
    const without = (await scim('GET', `/Users/${id}?excludedAttributes=emails,ID,name.givenName,nothing`)).json()
    t.match(without, { id, name: { familyName: 'Hopper' } })
    t.notOk('emails' in without || 'givenName' in without.name)
    t.equal((await scim('GET', `/Users/${id}?attributes=id&excludedAttributes=name`)).statusCode, 400)
  })
})
