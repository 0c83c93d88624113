import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { testApp } from './helpers/app.ts'
import { bearer } from './helpers/requester.ts'

const ROOT = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')
const TOKEN = 'm'.repeat(40)
const ALERTS = 'deploy/prometheus/alerts.yaml'
const DASHBOARD = 'deploy/grafana/postern.json'

interface Metric {
  type: string
  help: string
}

/** What /metrics prints of each metric. */
async function printed(): Promise<Map<string, Metric>> {
  const { app } = await testApp(t, { metricsToken: TOKEN })
  const { body } = await app.inject({ url: '/metrics', headers: bearer(TOKEN) })
  const types = new Map([...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]))
  return new Map(
    [...body.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name = '', help = '']) => [
      name,
      { type: types.get(name) as string, help },
    ]),
  )
}

const metrics = await printed()
/** Names as queries use them. */
const series = new Set(
  [...metrics].flatMap(([name, { type }]) =>
    type === 'histogram' ? ['_bucket', '_count', '_sum'].map(suffix => name + suffix) : [name],
  ),
)
const named = (query: string) => query.match(/\b(postern|process|nodejs)_\w+/g) ?? []

t.test('docs/monitoring.md lists every metric, and no other', async t => {
  const [, section = ''] = /^## Metrics\n(.*?)^## /ms.exec(read('docs/monitoring.md')) ?? []
  const rows = [...section.matchAll(/^\| (`[a-z_0-9`, ]+) \| (\w+) \|(?: [^|]*\|)*? ([^|]*) \|$/gm)]
  const listed = rows.flatMap(([, names = '', type, meaning]) =>
    [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => ({ name, type, meaning })),
  )
  t.strictSame(listed.map(({ name }) => name).sort(), [...metrics.keys()].sort())
  for (const { name, type, meaning } of listed) {
    t.equal(type, metrics.get(name)?.type, name)
    if (name.startsWith('postern_')) t.equal(meaning, metrics.get(name)?.help, name)
  }
})

interface Rule {
  alert: string
  expr: string
  for: string
  labels: { severity: string }
  annotations: { summary: string; action: string }
}

t.test('the alert rules ask for metrics that exist', async t => {
  const { groups } = parse(read(ALERTS)) as { groups: { rules: Rule[] }[] }
  const rules = groups.flatMap(group => group.rules)
  t.ok(rules.length >= 8)
  for (const rule of rules) {
    t.match(rule, {
      alert: /^Postern[A-Z]\w+$/,
      for: /^\d+[sm]$/,
      labels: { severity: /^(critical|warning)$/ },
      annotations: { summary: /\.$/, action: /\.$/ },
    })
    const names = named(rule.expr)
    t.ok(names.length > 0 || /^(absent\()?up\{/.test(rule.expr), rule.alert)
    for (const name of names) t.ok(series.has(name), `${rule.alert}: ${name}`)
  }
})

t.test('the dashboard shows metrics that exist', async t => {
  const { panels } = JSON.parse(read(DASHBOARD)) as {
    panels: { id: number; title: string; targets: { expr: string }[] }[]
  }
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  for (const { title, targets } of panels) {
    const names = targets.flatMap(({ expr }) => named(expr))
    t.ok(names.length >= targets.length, title)
    for (const name of names) t.ok(series.has(name), `${title}: ${name}`)
  }
})

const PROMTOOL = process.env.PROMTOOL_PATH ?? 'promtool'
const HAS_PROMTOOL = spawnSync(PROMTOOL, ['--version']).status === 0

t.test('Prometheus accepts the rules and raises them', { skip: HAS_PROMTOOL ? false : 'needs promtool' }, async t => {
  const promtool = (...args: string[]) => execFileSync(PROMTOOL, args, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' })
  t.match(promtool('check', 'rules', ALERTS), /SUCCESS: \d+ rules found/)
  t.match(promtool('test', 'rules', 'test/fixtures/alerts.yaml'), /SUCCESS/)
  // The queries of the dashboard, as rules.
  const { panels } = JSON.parse(read(DASHBOARD)) as { panels: { targets: { expr: string }[] }[] }
  const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '5m')))
  const dir = t.testdir({
    'queries.yaml': JSON.stringify({
      groups: [{ name: 'queries', rules: queries.map((expr, i) => ({ record: `query_${i}`, expr })) }],
    }),
  })
  t.match(promtool('check', 'rules', join(dir, 'queries.yaml')), new RegExp(`SUCCESS: ${queries.length} rules found`))
})
