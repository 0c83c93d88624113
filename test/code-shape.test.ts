import { globSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { type Node, parse } from 'acorn'
import t from 'tap'

/** Limits of files and functions, so that each can be read as a whole. */
const MAX_FILE_LINES = 250
const MAX_FUNCTION_LINES = 80
const MAX_NESTING = 3

const ROOT = join(import.meta.dirname, '..')
const files = globSync(['src/**/*.ts', 'packages/*/src/**/*.ts', 'bin/*.ts'], { cwd: ROOT })
const CONTROL = /^(?:If|For|ForIn|ForOf|While|DoWhile|Switch|Try)Statement$/

interface Findings {
  functions: string[]
  nesting: string[]
}

/** The functions of a file that are too long, and the statements that are nested too deeply. */
function examine(file: string): Findings {
  const found: Findings = { functions: [], nesting: [] }
  // Types are replaced by blanks, so lines stay the same.
  const source = stripTypeScriptTypes(readFileSync(join(ROOT, file), 'utf8'))

  function visit(node: Node, depth: number): void {
    const { start, end } = node.loc as NonNullable<Node['loc']>
    const isFunction = /Function/.test(node.type)
    const lines = end.line - start.line + 1
    if (isFunction && lines > MAX_FUNCTION_LINES) found.functions.push(`${file}:${start.line} has ${lines} lines`)
    const inner = isFunction ? 0 : CONTROL.test(node.type) ? depth + 1 : depth
    if (inner > MAX_NESTING) found.nesting.push(`${file}:${start.line} is nested ${inner} deep`)
    for (const [key, child] of Object.entries(node)) visitAll(child, isElseIf(key, child) ? depth : inner)
  }

  function visitAll(child: unknown, depth: number): void {
    for (const each of [child].flat()) if (isNode(each)) visit(each, depth)
  }

  visit(parse(source, { ecmaVersion: 'latest', sourceType: 'module', locations: true }), 0)
  return found
}

const isNode = (value: unknown): value is Node => typeof (value as Node | null)?.type === 'string'
const isElseIf = (key: string, child: unknown) => key === 'alternate' && isNode(child) && child.type === 'IfStatement'

const findings = files.map(examine)

t.test(`no file is longer than ${MAX_FILE_LINES} lines`, async t => {
  const lines = (file: string) => readFileSync(join(ROOT, file), 'utf8').split('\n').length - 1
  t.strictSame(
    files.filter(file => lines(file) > MAX_FILE_LINES),
    [],
  )
})

t.test(`no function is longer than ${MAX_FUNCTION_LINES} lines`, async t => {
  t.strictSame(
    findings.flatMap(({ functions }) => functions),
    [],
  )
})

t.test(`no statement is nested more than ${MAX_NESTING} deep`, async t => {
  t.strictSame(
    findings.flatMap(({ nesting }) => nesting),
    [],
  )
})
