import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { writeFile } from '../../src/dump/file.ts'
import { exportRows } from '../../src/import/export.ts'
import { blocksOf } from '../helpers/guides.ts'
import { API, fixture, fixturePath, importInto } from '../helpers/imports.ts'
import { listeningIssuer } from '../helpers/issuer.ts'

/** The code of the guide for Rails, in Ruby: tokens of Doorkeeper mean there what they meant to Doorkeeper. */

const missing = spawnSync('ruby', ['-v']).status !== 0 && 'Ruby is not installed'
const BLOCKS = ['fill', 'controller', 'introspect']

t.test('a Rails API, by the blocks of its guide', { skip: missing }, async t => {
  const { issuer, services } = await listeningIssuer(t, { audience: API })
  const { client, secret } = await services.clients.create({ name: 'Orders API', audience: API })
  await importInto(services, 'doorkeeper', fixturePath('doorkeeper', 'doorkeeper.sql'))
  const blocks = blocksOf('moving-from-rails.md', 'ruby')
  t.equal(blocks.length, BLOCKS.length)
  const folder = t.testdir(Object.fromEntries(BLOCKS.map((name, i) => [`${name}.rb`, blocks[i] as string])))
  await writeFile(join(folder, 'users.ndjson'), write => exportRows(services.db, write), { gzip: false })

  const { tokens, users } = fixture('doorkeeper')
  const listed = tokens.filter(({ kind }) => kind === 'access token' || kind === 'client credentials token')
  const [ada] = users as [(typeof users)[number]]
  const id = (await services.users.findByEmail(ada.email))?.id
  const headers = [
    { 'X-Auth-User': id, 'X-Auth-Scopes': 'legacy:read' },
    { 'X-Auth-User': id, 'X-Auth-Scopes': 'legacy:reader' },
    { 'X-Auth-User': client.id, 'X-Auth-Scopes': '*' },
    { 'X-Auth-User': '', 'X-Auth-Scopes': '*' },
    { 'X-Auth-Scopes': '*' },
    {},
  ]
  const env = { ...process.env, FOLDER: folder, ISSUER: issuer, CLIENT_ID: client.id, CLIENT_SECRET: secret as string }
  const run = async (settings: Record<string, string> = {}) => {
    const ruby = spawn('ruby', [join(import.meta.dirname, 'rails-api.rb')], { env: { ...env, ...settings } })
    ruby.stdin.end(JSON.stringify({ headers, tokens: listed.map(({ plain }) => plain) }))
    const [out, error] = await Promise.all([text(ruby.stdout), text(ruby.stderr)])
    t.equal(error, '')
    return JSON.parse(out)
  }
  const answers = await run()
  t.strictSame(
    answers.headers.map(({ status }: { status: number }) => status),
    [200, 403, 401, 401, 401, 401],
    'no header, no user',
  )
  t.equal(answers.headers[0].user, String(ada.id))
  for (const [i, { key, expect }] of listed.entries()) {
    const user = expect.user ? (await services.users.findByEmail(expect.user))?.id : undefined
    if (user) t.equal(answers.tokens[i].user, user, key)
    else if (expect.status === 401) t.equal(answers.tokens[i].user, null, key)
  }
  const wrong = await run({ CLIENT_SECRET: 'wrong' })
  for (const { error } of wrong.tokens) t.equal(error, 'The issuer cannot be asked')
})
