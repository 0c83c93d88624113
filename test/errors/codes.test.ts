import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '../..')
const source = (file: string) => readFileSync(join(ROOT, file), 'utf8')
const matches = (text: string, pattern: RegExp) =>
  new Set([...text.matchAll(pattern)].map(([, name]) => name as string))

const UNION = matches(source('packages/guard/src/error-code.ts'), /^ {2}\| '(\w+)'$/gm)
const GUIDE = source('docs/troubleshooting.md')
const code = globSync(['src/**/*.ts', 'packages/guard/src/**/*.ts'], { cwd: ROOT })
  .filter(file => !file.endsWith('error-code.ts'))
  .map(source)
  .join('\n')

t.test('docs/troubleshooting.md says of every error code, and no other, what it means and what to do', async t => {
  const rows = [...GUIDE.matchAll(/^\| `(\w+)` \| [\d, none]+ \| [^|]{9,} \| [^|]{9,} \|$/gm)].map(([, name]) => name)
  t.strictSame(rows.toSorted(), [...UNION].toSorted())
})

t.test('the messages of a failed start are those of the code', async t => {
  const [, table = ''] = /## The server does not start\n(.*?)\n## /s.exec(GUIDE) ?? []
  const messages = [...matches(table, /^\| `([^`]+)` \|/gm)]
  t.ok(messages.length >= 7)
  for (const message of messages) t.ok(code.includes(message), message)
})

t.test('docs/command-lines.md lists every code of a LoginError, and no other', async t => {
  const [, union = ''] = /LoginErrorCode = (.*)/.exec(source('packages/guard/src/login/error.ts')) ?? []
  const rows = matches(source('docs/command-lines.md'), /^\| `(\w+)` \|/gm)
  t.strictSame([...rows].toSorted(), [...matches(union, /'(\w+)'/g)].toSorted())
})

t.test('every code of the union is used', async t => {
  const used = matches(code, /'([a-z]+(?:_[a-z]+)*)'/g)
  // Derived from the status codes of HTTP: https://www.rfc-editor.org/rfc/rfc9110#section-15
  const byStatus = new Set(['method_not_allowed', 'payload_too_large', 'request_timeout', 'uri_too_long'])
  byStatus.add('request_header_fields_too_large')
  t.strictSame(
    [...UNION].filter(code => !used.has(code) && !byStatus.has(code)),
    [],
  )
})
