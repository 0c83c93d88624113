import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { openSource } from '../../../src/import/source/open.ts'
import { fixturePath } from '../../helpers/imports.ts'

const folder = mkdtempSync(join(tmpdir(), 'postern-dump-'))
t.teardown(() => rmSync(folder, { recursive: true }))

function write(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

async function rowsOf(file: string, table: string, dialect?: 'mysql' | 'postgres') {
  const source = await openSource(file, dialect)
  const rows = []
  for await (const chunk of source.chunks(table)) rows.push(...chunk.rows)
  await source.close()
  return rows
}

for (const [system, table] of [
  ['sanctum', 'personal_access_tokens'],
  ['doorkeeper', 'oauth_applications'],
  ['passport12', 'oauth_access_tokens'],
] as const) {
  t.test(`both kinds of dumps of ${system} have the same rows, compressed or not`, async t => {
    const [mysql, postgres] = [fixturePath(system, `${system}.sql`), fixturePath(system, `${system}.pg.sql`)]
    const plain = await rowsOf(mysql, table)
    t.ok(plain.length >= 5)
    const zipped = join(folder, `${system}.sql.gz`)
    writeFileSync(zipped, gzipSync(readFileSync(mysql)))
    t.strictSame(await rowsOf(zipped, table), plain)
    const texts = (rows: typeof plain) => rows.map(({ id, name }) => ({ id: id?.trimEnd(), name })).sort(byId)
    t.strictSame(texts(await rowsOf(postgres, table)), texts(plain))
  })
}

const byId = (a: { id?: string | undefined }, b: { id?: string | undefined }) => (String(a.id) < String(b.id) ? -1 : 1)

t.test('a dump that was cut off is refused', async t => {
  for (const file of ['sanctum.sql', 'sanctum.pg.sql']) {
    const text = readFileSync(fixturePath('sanctum', file), 'utf8')
    const cut = join(folder, file)
    writeFileSync(cut, text.slice(0, text.length - 400))
    await t.rejects(openSource(cut), { message: /is incomplete/ })
  }
  writeFileSync(join(folder, 'no.sql'), 'hello\n')
  await t.rejects(openSource(join(folder, 'no.sql')), { message: /is not a dump/ })
  await t.rejects(openSource(join(folder, 'missing.sql')), { message: /cannot be read/ })
})

const ROW = { id: '1', name: "O'Brien; \\ Ä🤖", email: 'ada@example.com', note: null }
/** The same row, as programs write it. */
const FORMS: Record<string, string | Buffer> = {
  'mysqldump --compact': `CREATE TABLE \`users\` (
  \`id\` int(10) NOT NULL,
  \`name\` varchar(255),
  \`email\` varchar(255),
  \`note\` text,
  PRIMARY KEY (\`id\`),
  KEY \`by_name\` (\`name\`)
) ENGINE=InnoDB;
INSERT INTO \`users\` VALUES (1,'O\\'Brien; \\\\ Ä🤖','ada@example.com',NULL);
`,
  'mysqldump --compatible=ansi --insert-ignore': `/*!40101 SET NAMES utf8mb4 */;
CREATE TABLE "users" (
  "id" int(10) NOT NULL,
  "name" varchar(255),
  "email" varchar(255),
  "note" text,
  PRIMARY KEY ("id"),
  KEY "by_name" ("name")
);
INSERT  IGNORE INTO "users" VALUES (1,'O''Brien; \\\\ Ä🤖','ada@example.com',NULL);
`,
  'mysqldump --skip-quote-names --replace': `-- MySQL dump 10.13
CREATE TABLE users (
  id int NOT NULL,
  name varchar(255),
  email varchar(255),
  note text,
  PRIMARY KEY (id),
  KEY by_name (name)
);
REPLACE INTO users VALUES (1,'O\\'Brien; \\\\ Ä🤖','ada@example.com',NULL);
-- Dump completed
`,
  'mysqldump --complete-insert --no-create-info --hex-blob': `-- MySQL dump 10.13
LOCK TABLES \`users\` WRITE;
INSERT INTO \`users\` (\`email\`, \`note\`, \`id\`, \`name\`) VALUES ('ada@example.com',NULL,1,0x${Buffer.from(ROW.name).toString('hex')});
UNLOCK TABLES;
-- Dump completed on 2026-11-29
`,
  phpMyAdmin: `-- phpMyAdmin SQL Dump
SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";

/*!40101 SET NAMES utf8mb4 */;
CREATE TABLE \`users\` (
  \`id\` bigint(20) UNSIGNED NOT NULL,
  \`name\` varchar(255) NOT NULL,
  \`email\` varchar(255) NOT NULL,
  \`note\` text DEFAULT NULL
) ENGINE=InnoDB;

--
-- it's data
--

INSERT INTO \`users\` (\`id\`, \`name\`, \`email\`, \`note\`) VALUES
(1, 'O\\'Brien; \\\\ Ä🤖', 'ada@example.com', NULL);
`,
  'pg_dump --data-only': `--
-- PostgreSQL database dump
--
SET client_encoding = 'UTF8';
COPY public.users (id, note, name, email) FROM stdin;
1\t\\N\tO'Brien; \\\\ Ä🤖\tada@example.com
\\.
-- PostgreSQL database dump complete
`,
  'pg_dump --column-inserts --on-conflict-do-nothing': `--
-- PostgreSQL database dump
--
INSERT INTO public.users (id, name, email, note) OVERRIDING SYSTEM VALUE VALUES (1, 'O''Brien; \\ Ä🤖', 'ada@example.com', NULL) ON CONFLICT DO NOTHING;
-- PostgreSQL database dump complete
`,
  'pg_dump --inserts --rows-per-insert=10': `--
-- PostgreSQL database dump
--
CREATE TABLE public.users (
    id bigint NOT NULL,
    name text,
    email character varying(255),
    note text,
    CONSTRAINT positive CHECK ((id > 0))
);
INSERT INTO public.users VALUES
\t(1, 'O''Brien; \\ Ä🤖', 'ada@example.com', NULL);
-- PostgreSQL database dump complete
`,
}
FORMS['line ends of Windows'] = String(FORMS['mysqldump --compact']).replaceAll('\n', '\r\n')
FORMS['line ends of Windows in COPY'] = String(FORMS['pg_dump --data-only']).replaceAll('\n', '\r\n')
FORMS['a byte order mark'] = `\uFEFF${FORMS['pg_dump --inserts --rows-per-insert=10']}`
FORMS['UTF-16, as a shell on Windows writes it'] = Buffer.from(`\uFEFF${FORMS['mysqldump --compact']}`, 'utf16le')

t.test('forms of dumps', async t => {
  for (const [name, content] of Object.entries(FORMS))
    t.same(await rowsOf(write('form.sql', content), 'users'), [ROW], name)
  const latin1 = String(FORMS.phpMyAdmin).replace('utf8mb4', 'latin1').replace('🤖', '')
  const [row] = await rowsOf(write('latin1.sql', Buffer.from(latin1, 'latin1')), 'users')
  t.equal(row?.name, "O'Brien; \\ Ä")
  const other = write('koi.sql', latin1.replace('NAMES latin1', 'NAMES macroman'))
  await t.rejects(openSource(other), { message: /encoding macroman, which is not known/ })
})

t.test('only a dump that says where it ends says what was deleted', async t => {
  for (const [name, isComplete] of [
    ['mysqldump --compact', false],
    ['phpMyAdmin', false],
    ['pg_dump --data-only', true],
  ] as const) {
    const source = await openSource(write('end.sql', FORMS[name] as string))
    t.equal(source.isComplete, isComplete, name)
    t.equal(source.notes.length, isComplete ? 0 : 1, name)
  }
  const two = `${FORMS['pg_dump --data-only']}-- PostgreSQL database dump\n`
  await t.rejects(openSource(write('two.sql', two)), { message: /is incomplete/ }, 'the second one was cut off')
})

t.test('a value that looks like statements is a value', async t => {
  const evil = `x
CREATE TABLE public.users (
    email text,
    name text
);
-- PostgreSQL database dump complete
COPY public.users (email, id) FROM stdin;
INSERT INTO public.users VALUES (2, ''a'', ''b'', NULL);`
  const dump = String(FORMS['pg_dump --inserts --rows-per-insert=10'])
  const before = `CREATE TABLE public.posts (\n    text text\n);\nINSERT INTO public.posts VALUES ('${evil}');\nINSERT INTO public.posts VALUES (E'\\'${evil}\\\\');\n`
  const file = write('evil.sql', dump.replace('CREATE TABLE', `${before}CREATE TABLE`))
  t.same(await rowsOf(file, 'users'), [ROW])
  t.equal((await rowsOf(file, 'posts')).length, 2)
  const cut = dump.replace(/-- PostgreSQL database dump complete\n$/, before)
  await t.rejects(openSource(write('cut.sql', cut)), { message: /is incomplete/ })
})

t.test('rows that could be taken for others stop the import', async t => {
  const mysql = String(FORMS['mysqldump --compact'])
  const several = write('several.sql', `USE \`a\`;\n${mysql}USE \`b\`;\n${mysql}`)
  await t.rejects(rowsOf(several, 'users'), { message: /several tables users/ })
  const unnamed = write('unnamed.sql', "INSERT INTO `users` VALUES (1,'a');\n")
  await t.rejects(rowsOf(unnamed, 'users'), { message: /does not name the columns of users/ })
  const short = write('short.sql', mysql.replace(',NULL)', ')'))
  await t.rejects(rowsOf(short, 'users'), { message: /a row has 3 values for 4 columns/ })
})

t.test('rows in NDJSON: broken lines, large numbers', async t => {
  const lines = [
    '\uFEFF{"table":"users","row":{"id":12345678901234567890}}',
    '{"table":"users","row":',
    '[]',
    '{"table":"users","row":[1]}',
  ]
  const file = write(
    'rows.ndjson',
    `${[...lines, '{"table":"users","row":{"id":9007199254740993,"name":"1234567890123456"}}'].join('\r\n')}\r\n`,
  )
  t.same(await rowsOf(file, 'users'), [
    { id: '12345678901234567890' },
    { id: '9007199254740993', name: '1234567890123456' },
  ])
  const { notes } = await openSource(file)
  t.match(notes[0], /3 lines are no object .* \(line 2, 3, 4\)/)
})

t.test('texts of many lines, and strings without an end, are read in linear time', async t => {
  const lines = '\n'.repeat(200_000)
  const dump = String(FORMS['pg_dump --inserts --rows-per-insert=10'])
  const values = `INSERT INTO public.users VALUES (2, '${lines}', E'\\'${lines}''', NULL),\n(3,\n'a',\n'b', NULL);\n`
  const rows = await rowsOf(write('lines.sql', dump.replace('INSERT INTO', `${values}INSERT INTO`)), 'users')
  t.same(rows, [
    { id: '2', name: lines, email: `'${lines}'`, note: null },
    { id: '3', name: 'a', email: 'b', note: null },
    ROW,
  ])
  const unterminated = `{"table":"users","row":{"id":1234567890123456,"name":"${'\\"'.repeat(400_000)}}}`
  const file = write('unterminated.ndjson', `${unterminated}\n{"table":"users","row":{"id":1}}\n`)
  t.same(await rowsOf(file, 'users'), [{ id: '1' }])
})

t.test('a text of a user becomes no row, whichever system wrote the dump', async t => {
  const columns = '(id, name, token)'
  const mysql = write(
    'headless.sql',
    `INSERT INTO shop.tokens ${columns} VALUES (1,'x\\',0),(2,\\'a\\',\\'forged','real');\n`,
  )
  const postgres = write('schemaless.sql', `INSERT INTO tokens ${columns} VALUES (1, 'x\\', '),(2,0,0x41) -- ');\n`)
  for (const file of [mysql, postgres]) await t.rejects(rowsOf(file, 'tokens'), { message: /--dialect mysql or/ }, file)
  t.same(await rowsOf(mysql, 'tokens', 'mysql'), [{ id: '1', name: "x',0),(2,'a','forged", token: 'real' }])
  t.same(await rowsOf(postgres, 'tokens', 'postgres'), [{ id: '1', name: 'x\\', token: '),(2,0,0x41) -- ' }])
  await t.rejects(rowsOf(mysql, 'tokens', 'postgres'), { message: /cannot be read/ })
  const plain = write(
    'plain.sql',
    `INSERT INTO tokens ${columns} VALUES (1,_binary 0x41,_utf8mb4 'b'),(-1.5e3,TRUE,null);\n`,
  )
  t.same(await rowsOf(plain, 'tokens'), [
    { id: '1', name: 'A', token: 'b' },
    { id: '-1.5e3', name: 'TRUE', token: null },
  ])
  for (const value of ['a', "a'b'", 'now', '1x', 'x y', "x'41'", '"a"', '`a`']) {
    const file = write('bare.sql', `INSERT INTO tokens ${columns} VALUES (1,${value},2);\n`)
    await t.rejects(rowsOf(file, 'tokens'), { message: /cannot be read/ }, value)
  }
})
