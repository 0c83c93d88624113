import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { SETTINGS } from '../../../packages/guard/src/sidecar/settings.ts'

t.test('docs/sidecar.md lists every setting with its flag and its default, and no other', async t => {
  const page = readFileSync(resolve(import.meta.dirname, '../../../docs/sidecar.md'), 'utf8')
  const [, table = ''] = /\n\| variable \| flag \|.*\n\|---.*\n((?:\|.*\n)+)/.exec(page) ?? []
  const rows = table
    .trim()
    .split('\n')
    .map(row => row.split('|').map(cell => cell.trim()))
    .map(([, variable, flag, fallback]) => ({ variable, flag, fallback }))
  const expected = Object.entries(SETTINGS).map(([variable, { fallback, isSecret }]) => {
    const flag = `--${variable.toLowerCase().replaceAll('_', '-')}${isSecret ? '-file' : ''}`
    return {
      variable: isSecret ? `\`${variable}\`, \`${variable}_FILE\`` : `\`${variable}\``,
      flag: `\`${flag}\``,
      fallback: fallback === undefined ? /^[^`]+$/ : `\`${fallback}\``,
    }
  })
  t.match(rows, expected)
  t.equal(rows.length, expected.length)
})
