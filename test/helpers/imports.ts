import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import { createConnection } from 'mysql2/promise'
import pg from 'pg'
import { guard, requireToken, tokenOf } from '../../packages/guard/src/index.ts'
import { type ImportOptions, importFrom } from '../../src/cli/import-from.ts'
import type { ImportableSystem } from '../../src/import/systems/systems.ts'
import type { Services } from '../../src/services.ts'
import { emptyDatabase, SERVER } from './database.ts'
import { listeningIssuer } from './issuer.ts'

type Test = { teardown(work: () => unknown): void }

const FOLDER = join(import.meta.dirname, '../fixtures')
const MYSQL = process.env.TEST_MYSQL_URL ?? 'mysql://root@127.0.0.1:3306'
export const API = 'https://orders.example.com'

/** A token of a fixture, with what its system answered. */
export interface FixtureToken {
  key: string
  kind: string
  plain: string
  // biome-ignore lint/suspicious/noExplicitAny: rows differ between the systems
  db: any
  // biome-ignore lint/suspicious/noExplicitAny: as above
  expect: any
}

export interface Fixture {
  tokens: FixtureToken[]
  users: { id: number; email: string; password: string; deleted: boolean }[]
  // biome-ignore lint/suspicious/noExplicitAny: rows differ between the systems
  clients: Record<string, any>
}

export const fixturePath = (folder: string, file: string) => join(FOLDER, folder, file)

export function fixture(folder: string): Fixture {
  return JSON.parse(readFileSync(fixturePath(folder, 'tokens.json'), 'utf8'))
}

/** Where the rows of a fixture can be read: dumps, and the databases that there are, loaded from them. */
export interface FixtureSource {
  name: string
  /** Why it cannot be read here. */
  skip: string | false
  open(t: Test): Promise<string>
}

export function sourcesOf(folder: string): FixtureSource[] {
  const mysql = fixturePath(folder, `${folder}.sql`)
  const postgres = fixturePath(folder, `${folder}.pg.sql`)
  return [
    { name: 'a dump by mysqldump', skip: false, open: async () => mysql },
    { name: 'a dump by pg_dump', skip: false, open: async () => postgres },
    { name: 'MariaDB', skip: mysqlMissing, open: t => loadMysql(t, mysql) },
    { name: 'PostgreSQL', skip: !SERVER && 'there is no server', open: t => loadPostgres(t, postgres) },
  ]
}

const connect = () => createConnection({ uri: MYSQL, multipleStatements: true, connectTimeout: 3_000 })

/** Why no test can use MariaDB. */
export const mysqlMissing: string | false = await connect().then(
  connection => connection.end().then(() => false as const),
  () => `there is no MariaDB at ${MYSQL}`,
)

/** Loads a dump into a MariaDB database of this test's own. */
export async function loadMysql(t: Test, file: string): Promise<string> {
  const server = await connect()
  const name = `postern_test_${randomBytes(6).toString('hex')}`
  await server.query(`create database ${name}; use ${name}`)
  // The client of MariaDB reads the first line, which is no SQL for other programs.
  await server.query(readFileSync(file, 'utf8').replace(/^\/\*M!999999.*\n/, ''))
  t.teardown(async () => {
    await server.query(`drop database ${name}`)
    await server.end()
  })
  return `${MYSQL}/${name}`
}

async function loadPostgres(t: Test, file: string): Promise<string> {
  const url = await emptyDatabase(SERVER as string, t)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  for (const statement of toStatements(readFileSync(file, 'utf8'))) await client.query(statement)
  await client.end()
  return url
}

/** Turns `COPY … FROM stdin`, which only psql reads from a file, into an insert for each row. */
function* toStatements(dump: string): Generator<string> {
  let copy: string | undefined
  let statement = ''
  for (const line of dump.split('\n')) {
    const [, target] = /^COPY (.+) FROM stdin;$/.exec(line) ?? []
    if (target) copy = target
    else if (line === '\\.') copy = undefined
    else if (copy) yield `insert into ${copy} values (${line.split('\t').map(literal).join()})`
    else if (!line.startsWith('\\') && !line.startsWith('--')) statement += `${line}\n`
    if (!copy && line.endsWith(';') && !target) {
      yield statement
      statement = ''
    }
  }
}

function literal(field: string): string {
  if (field === '\\N') return 'null'
  const text = field.replaceAll(/\\(.)/g, (_, c) => ({ n: '\n', t: '\t', r: '\r' })[c as 'n'] ?? c)
  return `'${text.replaceAll("'", "''")}'`
}

/** What `postern import` would do, on the services of a test. */
export function importInto(
  services: Services,
  system: ImportableSystem,
  from: string,
  options: Partial<ImportOptions> = {},
) {
  return importFrom(services, system, { users: 'create', timeZone: 'UTC', ...options, from })
}

export interface ImportRig {
  services: Services
  server: FastifyInstance
  /** The token as our own API sees it: its status and user. */
  own(text: string): Promise<{ status: number; user?: string }>
  /** The token as a resource server sees it that knows the issuer by its name only. */
  remote(text: string): Promise<{ status: number; user?: string | null; client?: string; scopes?: string[] }>
}

/** An issuer, and a resource server elsewhere. */
export async function importRig(t: Test): Promise<ImportRig> {
  const { issuer, services, app: server } = await listeningIssuer(t, { audience: API })
  const { client, secret } = await services.clients.create({ name: 'Orders API', audience: API })
  const api = Fastify()
  await api.register(guard, { issuer, audience: API, clientId: client.id, clientSecret: secret as string })
  api.get('/', { preHandler: requireToken() }, async request => {
    const { userId, clientId, scopes } = tokenOf(request)
    return { user: userId, client: clientId, scopes }
  })
  t.teardown(() => api.close())
  const headers = (text: string) => ({ authorization: `Bearer ${text}` })
  return {
    services,
    server,
    async own(text) {
      const response = await server.inject({ url: '/api/user', headers: headers(text) })
      return { status: response.statusCode, user: response.json().data?.id }
    },
    async remote(text) {
      const response = await api.inject({ url: '/', headers: headers(text) })
      return { status: response.statusCode, ...(response.statusCode === 200 && response.json()) }
    },
  }
}

/** Asks until the answer is the one that must come; a test that waits in vain runs into its time limit. */
export async function until(status: number, ask: () => Promise<{ status: number }>): Promise<void> {
  while ((await ask()).status !== status) await new Promise(resolve => setTimeout(resolve, 10))
}
