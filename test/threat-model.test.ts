import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..')

t.test('every test that the threat model names exists, and each control has one', async t => {
  const text = readFileSync(join(ROOT, 'docs/threat-model.md'), 'utf8')
  const rows = [...text.matchAll(/^\| [^|]+ \| [^|]+ \| (.*`test\/.*) \|$/gm)]
  t.ok(rows.length > 25)
  for (const [, row = ''] of rows) {
    for (const [, file = ''] of row.matchAll(/`([^`]+)`/g)) t.ok(existsSync(join(ROOT, file)), file)
  }
  const [, controls = ''] = /\n(## 1\. .*?)## What is accepted/s.exec(text) ?? []
  const all = controls.split('\n').filter(line => /^\| (?!threat|-)/.test(line) && !line.startsWith('|---'))
  t.equal(rows.length, all.length, 'no control is without a test')
})
