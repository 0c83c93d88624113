import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { metadataClientId } from '../../src/clients/metadata-id.ts'
import { writeFile } from '../../src/dump/file.ts'
import { exportRows } from '../../src/import/export.ts'
import { actingAs, newUser } from '../helpers/app.ts'
import { fixture, fixturePath, importInto, importRig } from '../helpers/imports.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-export-'))
t.teardown(() => rmSync(folder, { recursive: true }))

for (const name of ['all.ndjson', 'all.ndjson.gz']) {
  t.test(`what one deployment exports to ${name}, another one imports`, async t => {
    const [from, to] = [await importRig(t), await importRig(t)]
    const own = await actingAs(from.services, ['orders:read'], { format: 'opaque' })
    const jwt = await actingAs(from.services, ['orders:read'])
    await importInto(from.services, 'doorkeeper', fixturePath('doorkeeper', 'doorkeeper.sql'))
    const file = join(folder, name)
    await writeFile(file, write => exportRows(from.services.db, write), { gzip: name.endsWith('.gz') })
    if (!name.endsWith('.gz')) t.notOk(readFileSync(file, 'utf8').includes(own.token))
    const report = await importInto(to.services, 'tokens', file)
    t.equal(report.counts.users.imported, 5)
    const text = own.token
    const user = await to.services.users.findByEmail(own.user.email)
    t.match(await to.own(text), { status: 200, user: user?.id })
    t.equal((await to.own(jwt.token)).status, 401, 'a JWT is for its own issuer')
    for (const { key, plain, kind } of fixture('doorkeeper').tokens.filter(one => one.kind === 'access token')) {
      t.equal((await to.own(plain)).status, (await from.own(plain)).status, `${kind} ${key}`)
    }
    const again = await importInto(to.services, 'tokens', file)
    t.equal(again.counts.tokens.imported, 0)
  })
}

t.test('a client gets neither the id of a user nor that of a metadata document', async t => {
  const { services } = await importRig(t)
  const kept = '01939f4e-8a4c-4b60-b5a4-6f6d5c3f2a10'
  const ids = [kept, (await newUser(services)).id, metadataClientId('https://app.example.com/client.json')]
  const lines = ids.map(client_id => ({ table: 'clients', row: { id: client_id, client_id, name: 'App' } }))
  const file = join(folder, 'clients.ndjson')
  const token = {
    id: '1',
    client_id: kept,
    text: 'a-token-of-the-source-system',
    scopes: [],
    created_at: '2026-01-01T00:00:00Z',
  }
  lines.push({ table: 'tokens', row: token } as never)
  writeFileSync(file, lines.map(line => `${JSON.stringify(line)}\n`).join(''))
  const report = await importInto(services, 'tokens', file)
  t.equal(report.counts.clients.imported, 3)
  const found = (await services.clients.list()).map(({ id }) => id)
  t.strictSame(
    ids.filter(id => found.includes(id)),
    [kept],
  )
})

t.test('a token for one API is for no other after the import', async t => {
  const [from, to] = [await importRig(t), await importRig(t)]
  const audience = 'https://stock.example.com'
  await from.services.clients.create({ name: 'Stock API', audience })
  const user = await newUser(from.services)
  const issue = (resources?: string[]) =>
    from.services.tokens.issuePersonal({ user, name: 'ci', scopes: ['user:read'], format: 'opaque', resources })
  const [limited, free] = [await issue([audience]), await issue()]
  const file = join(folder, 'limited.ndjson')
  await writeFile(file, write => exportRows(from.services.db, write), { gzip: false })
  const refresh = { id: 'r', access_token_id: limited.token.id, audience, text: 'a-refresh-token-of-the-source' }
  const wrong = { id: 'w', user_id: user.id, text: 'a-token-of-the-source-system', scopes: [], audience: 'orders' }
  const more = [
    { table: 'refresh_tokens', row: refresh },
    { table: 'tokens', row: wrong },
  ]
  appendFileSync(file, more.map(line => `${JSON.stringify(line)}\n`).join(''))
  const report = await importInto(to.services, 'tokens', file)
  const said = (reason: RegExp) => report.findings.find(finding => reason.test(finding.reason))
  t.match(said(/its audience is no list of URIs/), { part: 'tokens', refused: true, examples: ['w'] })
  t.match(said(/for some APIs only/), { part: 'refresh_tokens', refused: true, examples: ['r'] })
  t.match(said(/it is a resource server/), { part: 'clients', refused: false })
  t.equal((await to.own(free.plainText)).status, 200)
  t.equal((await to.own(limited.plainText)).status, 401, 'the API of the server itself is another one')
  // Neither does a file whose refresh tokens do not say what they are for, nor what came along before that was read.
  const old = join(folder, 'old.ndjson')
  const { audience: _, ...unsaid } = { ...refresh, id: 's', text: 'another-refresh-token-of-the-source' }
  const exported = readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line.startsWith('{"table":"tokens"'))
  writeFileSync(old, [...exported, JSON.stringify({ table: 'refresh_tokens', row: unsaid }), ''].join('\n'))
  const ofOld = (await importInto(to.services, 'tokens', old)).findings
  t.match(
    ofOld.filter(({ part }) => part === 'refresh_tokens'),
    [{ refused: true, reason: /for some APIs only/ }],
  )
  await to.services.db.query('update oauth_access_tokens set audience = null')
  t.equal((await importInto(to.services, 'tokens', file)).counts.tokens.updated, 1)
  t.equal((await to.own(limited.plainText)).status, 401)
  const rows = await to.services.db.query('select audience from oauth_access_tokens order by audience')
  t.strictSame(rows, [{ audience }, { audience: null }])
})
