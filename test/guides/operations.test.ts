import t from 'tap'
import { guide, openTerminal } from '../helpers/guide.ts'
import { freePort } from '../helpers/port.ts'
import { NO_REPLICATION, USER } from '../helpers/replication.ts'

/** The guides for those who operate the server, as they are written, on one PostgreSQL of this test's own. */

const ports = [await freePort(), await freePort(), await freePort()].map(String) as [string, string, string]
const url = `http://localhost:${ports[2]}`
const standby = guide('docs/standby.md', { 5433: ports[0], 5434: ports[1], 'http://localhost:3000': url })
const backup = guide('docs/backup-and-restore.md')
const upgrading = guide('docs/upgrading.md')
const monitoring = guide('docs/monitoring.md', { 'http://localhost:3000': url, ':4318': `:${await freePort()}` })

const databases = openTerminal(t, {}, USER)
const server = openTerminal(t, { PORT: ports[2], LOG_LEVEL: 'silent' })
const client = openTerminal(t)
const STOP = 'for name in primary standby; do pg_ctl --pgdata $name --mode immediate stop || true; done'

t.test('the guides', { skip: NO_REPLICATION }, async t => {
  t.teardown(() => databases.run(STOP))
  await databases.run(standby.commands('initdb'))
  t.match(await databases.run(standby.commands('createdb')), /standby +\| sync/)
  await server.run(`${standby.commands('postern migrate')}${monitoring.commands('export METRICS_TOKEN')}`)
  const serve = await server.start(standby.commands('postern serve'), /Postern is ready/)
  await client.run(standby.commands('create() {'))

  await t.test('docs/standby.md', async t => {
    await databases.run(standby.commands('kill -9'))
    t.match(await unready(standby.commands(`curl -sS ${url}/health/ready`)), 'temporarily_unavailable')
    await databases.run(standby.commands('promote'))
    const [ready, live, revoked] = answers(await client.run(standby.commands('$LIVE"\ncurl')))
    t.match(ready, '"ok"')
    t.match(live, 'ada@example.com', 'what was acknowledged before the failover is there')
    t.match(revoked, 'invalid_token', 'a revocation too')
    await databases.run(standby.commands('old-primary'))
    const state = `psql --port ${ports[1]} --command 'select sync_state from pg_stat_replication'`
    await databases.run(`until ${state} | grep sync; do :; done`)
    t.strictSame(standby.unused(), [])
  })

  await t.test('docs/upgrading.md', async t => {
    await server.run(upgrading.commands('postern migrate --check'))
    await server.run(upgrading.commands('postern migrate\n'))
    t.strictSame(upgrading.unused(), [])
  })

  await t.test('docs/backup-and-restore.md, and docs/monitoring.md', async t => {
    t.match(await server.run(monitoring.commands('curl')), /^postern_database_up 1$/m)
    t.match(await server.run(monitoring.commands('postern doctor')), /^ok +database /m)

    const [programs = ''] = standby.commands('initdb').split(' PGHOST')
    await server.run(`${programs}\n${backup.commands('pg_dump')}${backup.commands('postern dump')}`)
    for (const name of ['by_postern', 'by_postgres']) await databases.run(`createdb --port ${ports[1]} ${name}`)
    serve.stop()
    await serve.ended
    const restored = (name: string) => server.run(`RESTORED_URL="\${DATABASE_URL/postern?/${name}?}"`)
    await restored('by_postern')
    t.match(await server.run(backup.commands('postern restore backup.gz')), /^Restored \d+ rows/)
    await restored('by_postgres')
    await server.run(backup.commands('pg_restore'))
    t.match(await server.run(backup.commands('postern restored')), /status lists.*Revocations are collected until/s)

    await server.start(monitoring.commands('opentelemetry'), /Postern is ready/)
    t.match(await server.run(backup.commands('recovered since')), /Recovered since: 0 revocations.*cannot be known/s)
    t.strictSame(backup.unused(), [])
    const [, live, revoked] = answers(await client.run(standby.commands('$LIVE"\ncurl')))
    t.match(live, 'ada@example.com')
    t.match(revoked, 'invalid_token')
    t.strictSame(monitoring.unused(), [])
  })
})

/** JSON of several responses, one after the other. */
const answers = (printed: string) => printed.trim().split(/\n|(?<=\})(?=\{)/)

/** @returns what the command prints once the server is not ready */
async function unready(command: string): Promise<string> {
  for (;;) {
    const said = await client.run(command)
    if (!said.includes('"ok"')) return said
  }
}
