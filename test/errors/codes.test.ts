import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '../..')
const source = (file: string) => readFileSync(join(ROOT, file), 'utf8')
const matches = (text: string, pattern: RegExp) =>
  new Set([...text.matchAll(pattern)].map(([, name]) => name as string))

const UNION = matches(source('packages/guard/src/error-code.ts'), /^ {2}\| '(\w+)'$/gm)

t.test('docs/errors.md lists every error code, and no other', async t => {
  const documented = matches(
    source('docs/errors.md'),
    /(?:^\| |\W)`([a-z]+(?:_[a-z]+)+|forbidden|conflict|unauthenticated)`/gm,
  )
  t.strictSame(
    [...UNION].filter(code => !documented.has(code)),
    [],
  )
  const rows = matches(source('docs/errors.md'), /^\| `(\w+)` \|/gm)
  t.strictSame(
    [...rows].filter(code => !UNION.has(code)),
    [],
  )
})

t.test('every code of the union is used', async t => {
  const files = globSync(['src/**/*.ts', 'packages/guard/src/**/*.ts'], { cwd: ROOT }).filter(
    file => !file.endsWith('error-code.ts'),
  )
  const used = matches(files.map(source).join('\n'), /'([a-z]+(?:_[a-z]+)*)'/g)
  // Derived from the status codes of HTTP: https://www.rfc-editor.org/rfc/rfc9110#section-15
  const byStatus = new Set(['method_not_allowed', 'payload_too_large', 'request_timeout', 'uri_too_long'])
  byStatus.add('request_header_fields_too_large')
  t.strictSame(
    [...UNION].filter(code => !used.has(code) && !byStatus.has(code)),
    [],
  )
})
