import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'

/** How many requirements each section of chapter V10 has (OWASP ASVS 5.0). */
const SECTIONS = [2, 3, 5, 16, 5, 2, 3]
const ANSWERS = ['pass', 'not applicable', 'not yet']
const TESTS = resolve(import.meta.dirname, '..')

const page = readFileSync(join(TESTS, '../docs/asvs-v10.md'), 'utf8')
const rows = [...page.matchAll(/^\| (10\.\d+\.\d+) \| (\d) \| ([^|]+) \| (.+) \|$/gm)].map(
  ([, id, level, answer, why = '']) => ({ id, level, answer, why }),
)

t.test('every requirement has its row', async t => {
  const ids = SECTIONS.flatMap((count, i) => Array.from({ length: count }, (_, j) => `10.${i + 1}.${j + 1}`))
  t.strictSame(
    rows.map(({ id }) => id),
    ids,
  )
})

t.test('no row of level 1 or 2 is open', async t => {
  for (const { id, level, answer = '' } of rows) {
    t.ok(ANSWERS.includes(answer), `${id}: ${answer}`)
    t.ok(level === '3' || answer !== 'not yet', `${id} of level ${level}: ${answer}`)
  }
})

t.test('a fulfilled requirement names a test, and every named test exists', async t => {
  for (const { id, answer, why } of rows) {
    const files = [...why.matchAll(/`([\w/-]+\.(?:test|browser)\.ts)`/g)].map(([, file]) => file as string)
    if (answer === 'pass') t.ok(files.length > 0, String(id))
    for (const file of files) t.ok(existsSync(join(TESTS, file)), `${id}: ${file}`)
  }
})
