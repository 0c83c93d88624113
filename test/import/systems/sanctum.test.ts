import { randomBytes } from 'node:crypto'
import t from 'tap'
import { legacyScope } from '../../../src/imported/scopes.ts'
import {
  type FixtureToken,
  fixture,
  fixturePath,
  type ImportRig,
  importInto,
  importRig,
  sourcesOf,
  until,
} from '../../helpers/imports.ts'

/** Every text of the fixture means here what it meant to Sanctum itself. */

const ZONE = { timeZone: 'America/Los_Angeles' }
const { tokens } = fixture('sanctum')
/** A team is no user: its token would open the account of the user with the same id. */
const REFUSED_HERE = ['v4-team']
const works = ({ key, expect }: FixtureToken) => expect.works && !REFUSED_HERE.includes(key)
const hasId = (text: string) => text.includes('|')
const withoutId = (text: string) => text.slice(text.indexOf('|') + 1)

const scopesOf = (abilities: string[]) =>
  abilities.map(one => (one === '*' ? one : legacyScope(one))).sort((a, b) => Number(b === '*') - Number(a === '*'))

async function idOf({ services }: ImportRig, email: string): Promise<string> {
  return (await services.users.findByEmail(email))?.id as string
}

for (const source of sourcesOf('sanctum')) {
  t.test(`tokens from ${source.name}`, { skip: source.skip }, async t => {
    const from = await source.open(t)
    const rig = await importRig(t)
    const report = await importInto(rig.services, 'sanctum', from, ZONE)
    t.strictSame(report.counts.tokens, { read: 17, imported: 14, known: 0, updated: 0, refused: 3 })
    const usable = tokens.filter(works)
    // A guard that started before the import learns of it from the metadata of the issuer.
    await until(200, () => rig.remote(usable[0]?.plain as string))
    for (const { key, plain, expect } of usable) {
      const user = await idOf(rig, expect.user)
      t.match(await rig.own(plain), { status: 200, user }, key)
      const { status, user: seen, scopes } = await rig.remote(plain)
      t.strictSame({ status, user: seen, scopes }, { status: 200, user, scopes: scopesOf(expect.abilities) }, key)
      t.equal((await rig.own(withoutId(plain))).status, 200, `${key} without its id`)
    }
    for (const { key, plain } of tokens.filter(token => !works(token))) {
      for (const text of [plain, withoutId(plain)]) {
        t.equal((await rig.own(text)).status, 401, key)
        t.equal((await rig.remote(text)).status, 401, key)
      }
    }
  })
}

t.test('what the rows say of a token', async t => {
  const { services } = await importRig(t)
  await importInto(services, 'sanctum', fixturePath('sanctum', 'sanctum.sql'), {
    ...ZONE,
    expires: new Date('2028-01-01'),
  })
  for (const { key, db, expect } of tokens.filter(works)) {
    const [row] = await services.db.query<Record<string, string>>(
      `select t.name, t.created_at, t.expires_at, t.last_used_at from oauth_access_tokens t
       join oauth_imported_rows r on r.row_id = t.id where r.kind = 'token' and r.source_id = ?`,
      [String(db.id)],
    )
    const time = (text: string | undefined) => (text ? new Date(text).toISOString() : null)
    t.equal(row?.name, db.name, key)
    t.ok(expect.created.includes(time(row?.created_at)), key)
    t.ok((expect.expires ?? ['2028-01-01T00:00:00.000Z']).includes(time(row?.expires_at)), key)
    if (expect.last_used) t.ok(expect.last_used.includes(time(row?.last_used_at)), key)
    else t.equal(row?.last_used_at, null, key)
  }
})

t.test('a text that was altered, a stored hash, and an id of another row', async t => {
  const rig = await importRig(t)
  await importInto(rig.services, 'sanctum', fixturePath('sanctum', 'sanctum.sql'), ZONE)
  for (const { plain, db } of tokens.filter(works)) {
    const secret = withoutId(plain)
    const wrong = [db.token, `${db.id}|${db.token}`, `${db.id + 1}|${secret}`, `${secret.slice(0, -1)}~`, `|${secret}`]
    for (const text of wrong) {
      t.equal((await rig.own(text)).status, 401, text)
      t.equal((await rig.remote(text)).status, 401, text)
    }
  }
})

t.test('a token that is revoked here is refused everywhere within a moment', async t => {
  const rig = await importRig(t)
  await importInto(rig.services, 'sanctum', fixturePath('sanctum', 'sanctum.sql'), ZONE)
  for (const { plain } of tokens.filter(works)) {
    await until(200, () => rig.remote(plain))
    const headers = { authorization: `Bearer ${plain}` }
    const revoked = await rig.server.inject({ method: 'DELETE', url: '/api/tokens/current', headers })
    t.equal(revoked.statusCode, 204)
    t.equal((await rig.own(plain)).status, 401)
    await until(401, () => rig.remote(plain))
    if (hasId(plain)) t.equal((await rig.own(withoutId(plain))).status, 401)
  }
})

t.test('a second import changes nothing, and restores nothing', async t => {
  const rig = await importRig(t)
  const file = fixturePath('sanctum', 'sanctum.sql')
  await importInto(rig.services, 'sanctum', file, ZONE)
  const [first] = tokens.filter(works) as [FixtureToken]
  const headers = { authorization: `Bearer ${first.plain}` }
  await rig.server.inject({ method: 'DELETE', url: '/api/tokens/current', headers })
  const rows = () => rig.services.db.query('select id, xmin::text from oauth_access_tokens order by id')
  const before = await rows()
  const { counts } = await importInto(rig.services, 'sanctum', file, ZONE)
  t.strictSame(counts.tokens, { read: 17, imported: 0, known: 14, updated: 0, refused: 3 })
  t.strictSame(counts.users, { read: 4, imported: 0, known: 4, updated: 0, refused: 0 })
  t.strictSame(await rows(), before)
  t.equal((await rig.own(first.plain)).status, 401)
})

t.test('the setting sanctum.expiration ends tokens whatever their rows say', async t => {
  const rig = await importRig(t)
  await importInto(rig.services, 'sanctum', fixturePath('sanctum', 'sanctum.sql'), { ...ZONE, expiration: 525_600 })
  const alive: string[] = []
  for (const { key, plain } of tokens) if ((await rig.own(plain)).status === 200) alive.push(key)
  t.strictSame(alive, ['v4-morph-alias'], 'only one was created within a year')
})

t.test('other models that are users, by an option', async t => {
  const rig = await importRig(t)
  const options = { ...ZONE, userType: ['App\\User=users'] }
  const { counts } = await importInto(rig.services, 'sanctum', fixturePath('sanctum', 'sanctum.sql'), options)
  t.equal(counts.tokens.imported, 15)
})

t.test('a flood of invented texts reaches the issuer in part only, and known tokens go on working', async t => {
  const rig = await importRig(t)
  await importInto(rig.services, 'sanctum', fixturePath('sanctum', 'sanctum.sql'), ZONE)
  const [known, later] = tokens.filter(works) as [FixtureToken, FixtureToken]
  let asked = 0
  rig.server.server.on('request', ({ url }) => void (url === '/oauth/introspect' && asked++))
  await until(200, () => rig.remote(known.plain))
  // The guard answers from memory once it follows the event feed.
  for (let before = -1; before !== asked; await rig.remote(known.plain)) before = asked
  asked = 0
  const begun = performance.now()
  for (let i = 0; i < 2; i++) {
    const invented = Array.from({ length: 150 }, () => `${i}|${randomBytes(30).toString('hex').slice(0, 40)}`)
    const answers = await Promise.all([...invented, known.plain].map(text => rig.remote(text)))
    const statuses = answers.map(({ status }) => status)
    t.equal(statuses.pop(), 200, 'the known one')
    t.ok(
      statuses.every(status => status === 401 || status === 503),
      'no invented one was accepted',
    )
    t.ok(statuses.includes(503))
  }
  // In each second: as many as were refused, and those that were asked about at that time.
  const seconds = Math.ceil((performance.now() - begun) / 1_000) + 1
  t.ok(asked <= Math.min(290, seconds * (200 + 64)), `${asked} questions in ${seconds} s`)
  await until(200, () => rig.remote(later.plain))
})

t.test('a deployment without imports does not look such texts up', async t => {
  const rig = await importRig(t)
  const asked: string[] = []
  rig.server.server.on('request', request => asked.push(String(request.url)))
  for (const { plain } of tokens) {
    t.equal((await rig.own(plain)).status, 401)
    t.equal((await rig.remote(plain)).status, 401)
  }
  t.notOk(asked.some(url => url.startsWith('/oauth/introspect')))
})
