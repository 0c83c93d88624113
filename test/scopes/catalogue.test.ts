import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createCatalogue, loadCatalogue } from '../../src/scopes/catalogue.ts'

const scope = (id: string, more: object = {}) => ({ id, description: 'Something', ...more })

t.test('a catalogue that cannot be used is refused in one line that names what is wrong', async t => {
  const refused: [unknown, RegExp][] = [
    [{}, /list of scopes/],
    [null, /list of objects/],
    ['orders:read', /list of objects/],
    [{ scopes: {} }, /list of scopes/],
    [{ scopes: [], inherit: 'yes' }, /"inherit"/],
    [{ scopes: [], inherits: true }, /"inherits"/],
    [['orders:read'], /list of objects/],
    [[{ description: 'Something' }], /scope 1 has no id/],
    [[scope('a'), scope('')], /scope 2 has no id/],
    [[{ id: 7, description: 'Something' }], /scope 1 has no id/],
    [[scope('orders read')], /"orders read" must be printable ASCII/],
    [[scope('orders"read')], /without spaces, quotes/],
    [[scope('orders\\read')], /backslashes/],
    [[scope('orders,read')], /commas/],
    [[scope('commandes:créer')], /ASCII/],
    [[scope('a\n')], /ASCII/],
    [[scope('x'.repeat(129))], /ASCII/],
    [[scope('a'), scope('b'), scope('a')], /"a" is listed twice/],
    [[scope('a', { description: ' ' })], /"a" has no description/],
    [[{ id: 'a' }], /"a" has no description/],
    [[scope('a', { default: 'yes' })], /"a": "default"/],
    ...['*', 'admin', 'admin:read', 'admin:anything', 'tokens', 'tokens:write', 'clients:read'].map(
      (id): [unknown, RegExp] => [[scope(id)], /reserved/],
    ),
  ]
  for (const [input, message] of refused) {
    try {
      createCatalogue(input as never)
      t.fail(`${JSON.stringify(input)} was taken`)
    } catch (error) {
      t.match(error, { name: 'StartupError', message }, JSON.stringify(input))
      t.notMatch((error as Error).message, /\n/)
    }
  }
})

t.test('a file that cannot be read is named', async t => {
  const folder = t.testdir({ 'broken.json': '[{', 'wrong.json': '[{"id":"a b"}]', 'good.json': '[]' })
  for (const [file, message] of [
    ['missing.json', /missing\.json: cannot be read \(ENOENT\)$/],
    ['broken.json', /broken\.json: .*JSON/],
    ['wrong.json', /wrong\.json: scope "a b" must be/],
  ] as const) {
    t.throws(() => loadCatalogue(`${folder}/${file}`), { name: 'StartupError', message })
  }
  t.ok(loadCatalogue(`${folder}/good.json`).has('tokens:read'))
})

t.test('names like those of the prototype are only names', async t => {
  const catalogue = createCatalogue([scope('constructor'), scope('__proto__')])
  t.strictSame(catalogue.resolve(['__proto__', 'constructor']), ['constructor', '__proto__'])
  t.throws(() => catalogue.resolve(['toString']), /is not a scope: "toString"/)
})

const TEXT = JSON.stringify([{ id: 'orders:read', description: 'Read orders – all of them' }])
const bom = Buffer.from([0xfe, 0xff])
const encodings: [string, Buffer][] = [
  ['UTF-8 with a byte order mark', Buffer.from(`\uFEFF${TEXT}`)],
  ['UTF-16, little end first, with a mark', Buffer.from(`\uFEFF${TEXT}`, 'utf16le')],
  ['UTF-16, little end first', Buffer.from(TEXT, 'utf16le')],
  ['UTF-16, big end first, with a mark', Buffer.concat([bom, Buffer.from(TEXT, 'utf16le').swap16()])],
]
for (const [name, bytes] of encodings) {
  t.test(`a catalogue in ${name}`, async t => {
    const file = join(t.testdir(), 'scopes.json')
    writeFileSync(file, bytes)
    t.match(loadCatalogue(file).scopes[0], { id: 'orders:read', description: 'Read orders – all of them' })
  })
}

t.test('a catalogue in Latin 1 is refused', async t => {
  const file = join(t.testdir(), 'scopes.json')
  writeFileSync(file, Buffer.from('[{"id":"a","description":"é"}]', 'latin1'))
  t.throws(() => loadCatalogue(file), { name: 'StartupError', message: /^SCOPES_FILE .*UTF-8$/ })
})

t.test('of thousands of unknown scopes some are named', async t => {
  const catalogue = createCatalogue([scope('orders:read')])
  const requested = Array.from({ length: 5_000 }, (_, i) => `unknown:${i}`)
  try {
    catalogue.resolve(['orders:read', ...requested])
    t.fail('they were taken')
  } catch (error) {
    const { errors } = (error as { extra: { errors: { path: string }[] } }).extra
    t.strictSame(
      errors.map(({ path }) => path),
      Array.from({ length: 20 }, (_, i) => `scopes/${i + 1}`),
    )
  }
})
