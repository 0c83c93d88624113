import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parse as parseYaml, stringify } from 'yaml'

/**
 * Renders the templates of a chart without helm: the part of Go's templates and of Helm's functions that the chart uses. Anything
 * else throws. With helm, `deploy.test.ts` compares the two.
 */
export class Chart {
  readonly #folder: string
  readonly #definitions = new Map<string, Node[]>()
  readonly #files = new Map<string, Node[]>()

  /** @param files the templates, of which those that begin with `_` only define */
  constructor(folder: string, files: readonly string[]) {
    this.#folder = folder
    for (const file of files) {
      const nodes = new Parser(readFileSync(join(folder, file), 'utf8'), this.#definitions).nodes()
      if (!basename(file).startsWith('_')) this.#files.set(file, nodes)
    }
  }

  /** @returns the text of each template, by its name */
  render(values: object, release = 'release'): Map<string, string> {
    const chart = parseYaml(readFileSync(join(this.#folder, 'Chart.yaml'), 'utf8'))
    const root = {
      Values: merged(parseYaml(readFileSync(join(this.#folder, 'values.yaml'), 'utf8')), values),
      Chart: { Name: chart.name, Version: chart.version, AppVersion: chart.appVersion },
      Release: { Name: release, Namespace: 'default', Service: 'Helm' },
    }
    const include = (name: string, dot: unknown) =>
      run(found(this.#definitions.get(name), name), { dot, variables: { $: dot }, include })
    const scope = { dot: root, variables: { $: root }, include }
    return new Map([...this.#files].map(([file, nodes]) => [file, run(nodes, scope)]))
  }
}

interface Scope {
  dot: unknown
  variables: Record<string, unknown>
  include(name: string, dot: unknown): string
}
type Node = (scope: Scope) => string
const run = (nodes: readonly Node[], scope: Scope) => nodes.map(node => node(scope)).join('')
/** @param piped what the part of the pipeline before it returned, if there is one */
type Expression = (scope: Scope, piped?: unknown[]) => unknown

/** Maps are merged, anything else is replaced. */
function merged(into: unknown, from: unknown): unknown {
  if (!isMap(into) || !isMap(from)) return from
  return {
    ...into,
    ...Object.fromEntries(Object.entries(from).map(([name, value]) => [name, merged(into[name], value)])),
  }
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function found<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`unknown in a template: ${name}`)
  return value
}

const isTrue = (value: unknown) =>
  Boolean(Array.isArray(value) ? value.length : isMap(value) ? Object.keys(value).length : value)

const indented = (count: number, text: string) => text.replaceAll(/^/gm, ' '.repeat(count))

// biome-ignore lint/suspicious/noExplicitAny: templates have no types
const FUNCTIONS: Record<string, (...args: any[]) => unknown> = {
  add: (...numbers) => numbers.reduce((sum, number) => sum + number),
  default: (fallback, value) => (isTrue(value) ? value : fallback),
  fail(message) {
    throw new Error(message)
  },
  int: Number,
  lt: (a, b) => a < b,
  mul: (a, b) => a * b,
  nindent: (count, text) => `\n${indented(count, text)}`,
  not: value => !isTrue(value),
  printf: (format, ...args) => format.replaceAll(/%[sd]/g, () => String(args.shift())),
  quote: value => JSON.stringify(String(value)),
  required(message, value) {
    if (isTrue(value)) return value
    throw new Error(message)
  },
  toYaml: value => stringify(value).trimEnd(),
  trim: text => text.trim(),
  trimSuffix: (end, text) => (text.endsWith(end) ? text.slice(0, -end.length) : text),
  trunc: (length, text) => text.slice(0, length),
}

class Parser {
  /** Texts and actions in turn. */
  readonly #parts: string[]
  readonly #definitions: Map<string, Node[]>

  constructor(text: string, definitions: Map<string, Node[]>) {
    this.#parts = text
      .replaceAll(/\s*\{\{- /g, '{{ ')
      .replaceAll(/ -\}\}\s*/g, ' }}')
      .split(/\{\{(.*?)\}\}/s)
    this.#definitions = definitions
  }

  nodes(): Node[] {
    const { nodes, end } = this.#block()
    if (end) throw new Error(`unexpected: ${end}`)
    return nodes
  }

  /** Up to `end`, `else` or the end of the text. */
  #block(): { nodes: Node[]; end: string } {
    const nodes: Node[] = []
    for (;;) {
      const text = this.#parts.shift() as string
      nodes.push(() => text)
      const action = this.#parts.shift()?.trim() ?? ''
      if (/^(end|else|)$/.test(action)) return { nodes, end: action }
      nodes.push(this.#action(action))
    }
  }

  #action(action: string): Node {
    if (action.startsWith('/*')) return () => ''
    const [word = '', rest = ''] = action.split(/\s+(.*)/s)
    if (['if', 'with', 'range', 'define'].includes(word)) return this.#nested(word, rest)
    const evaluate = expression(action)
    return scope => String(evaluate(scope))
  }

  #nested(word: string, rest: string): Node {
    const { nodes, end } = this.#block()
    const otherwise = end === 'else' ? this.#block() : { nodes: [], end }
    if (otherwise.end !== 'end') throw new Error(`${word} ${rest} has no end`)
    if (word === 'define') {
      this.#definitions.set(JSON.parse(rest), nodes)
      return () => ''
    }
    const [, key, item, list] = /^(\$\w+), (\$\w+) := (.*)$/.exec(rest) ?? []
    const evaluate = expression(list ?? rest)
    return scope => {
      const value = evaluate(scope)
      if (!isTrue(value)) return run(otherwise.nodes, scope)
      if (word === 'if') return run(nodes, scope)
      if (word === 'with') return run(nodes, { ...scope, dot: value })
      return (
        Object.entries(value as object)
          // Go sorts the keys of a map.
          .sort(([a], [b]) => (Array.isArray(value) ? 0 : a < b ? -1 : 1))
          .map(([name, dot]) => {
            const own = key && item ? { [key]: name, [item]: dot } : {}
            return run(nodes, { ...scope, dot, variables: { ...scope.variables, ...own } })
          })
          .join('')
      )
    }
  }
}

/** A pipeline: the value of each part is the last argument of the next one. */
function expression(text: string): Expression {
  const tokens = text.match(/"(\\.|[^"\\])*"|[()|]|[^\s()|]+/g) ?? []
  const pipeline = (): Expression => {
    const commands = [command()]
    while (tokens[0] === '|') {
      tokens.shift()
      commands.push(command())
    }
    return scope => commands.reduce<unknown[]>((piped, each) => [each(scope, piped)], [])[0]
  }
  const command = (): Expression => {
    const terms: Expression[] = []
    const name = tokens[0] as string
    if (/^[a-z]/i.test(name)) tokens.shift()
    while (tokens.length > 0 && !/^[|)]$/.test(tokens[0] as string)) terms.push(term())
    if (!/^[a-z]/i.test(name)) return terms[0] as Expression
    return (scope, piped = []) => {
      const args = [...terms.map(each => each(scope)), ...piped]
      return name === 'include' ? scope.include(args[0] as string, args[1]) : found(FUNCTIONS[name], name)(...args)
    }
  }
  const term = (): Expression => {
    const token = tokens.shift() as string
    if (token === '(') {
      const inner = pipeline()
      tokens.shift()
      return inner
    }
    if (/^["\d]/.test(token)) return () => JSON.parse(token)
    const [start, ...path] = token.split('.') as [string, ...string[]]
    return ({ dot, variables }) =>
      path
        .filter(Boolean)
        .reduce<unknown>(
          (at, name) => (at as Record<string, unknown>)?.[name],
          start ? found(variables[start], start) : dot,
        )
  }
  return pipeline()
}
