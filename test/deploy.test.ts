import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Ajv } from 'ajv'
import t from 'tap'
import { parse } from 'yaml'
import { SETTINGS } from '../src/config/schema.ts'

const ROOT = join(import.meta.dirname, '..')
const CHART = 'deploy/helm/postern'
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')

t.test('the Dockerfile copies what a build reads, and runs without privileges', async t => {
  const file = read('Dockerfile')
  t.match(file, /^USER 65532:65532$/m)
  t.match(file, /^HEALTHCHECK /m)
  t.match(file, /^STOPSIGNAL SIGTERM$/m)
  t.match(file, /npm ci --ignore-scripts/)
  const options = /"(--min-semi[^\]]*)"\/app\/bin/.exec(file.replaceAll('", "', ' "'))?.[1]?.replaceAll('"', '').trim()
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  t.ok(scripts.start?.includes(String(options)), 'the options of npm start')
  const sent = [...read('.dockerignore').matchAll(/^!(.+)$/gm)].map(([, name]) => name as string)
  for (const name of sent) t.ok(existsSync(join(ROOT, name)), name)
  for (const name of ['package-lock.json', 'src', 'packages', 'migrations', 'bin', 'tsconfig.build.json']) {
    t.ok(sent.includes(name), `${name} is sent to the build`)
  }
})

interface Service {
  read_only?: boolean
  environment: Record<string, string>
  cap_drop?: string[]
  depends_on?: object
}

t.test('compose.yaml sets variables that exist, and migrates first', async t => {
  const { services } = parse(read('compose.yaml'), { merge: true }) as { services: Record<string, Service> }
  const known = new Set(['APP_KEY', ...Object.values(SETTINGS).map(({ variable }) => variable)])
  for (const name of ['postern', 'migrate']) {
    const service = services[name] as Service
    t.match(service, { read_only: true, cap_drop: ['ALL'] })
    for (const variable of Object.keys(service.environment)) t.ok(known.has(variable), variable)
  }
  t.match(services.postern?.depends_on, { migrate: { condition: 'service_completed_successfully' } })
  t.match(services.migrate?.depends_on, { postgres: { condition: 'service_healthy' } })
})

const values = parse(read(`${CHART}/values.yaml`)) as Record<string, unknown>
const validate = new Ajv({ strict: false }).compile(
  JSON.parse(read(`${CHART}/values.schema.json`).replace(/"\$schema".*/, '')),
)

t.test('the values of the chart agree with their schema', async t => {
  t.ok(validate(values), JSON.stringify(validate.errors))
  for (const wrong of [
    { issuer: 'id.example.com' },
    { replicaCount: 0 },
    { config: { APP_KEY: 'x' } },
    { config: { log: 'x' } },
    { terminationGracePeriodSeconds: 5 },
    { replicas: 3 },
  ]) {
    t.notOk(validate({ ...values, ...wrong }), JSON.stringify(wrong))
  }
  const { version, appVersion } = parse(read(`${CHART}/Chart.yaml`)) as Record<string, string>
  t.equal(version, JSON.parse(read('package.json')).version)
  t.equal(appVersion, version)
})

const templates = globSync(`${CHART}/templates/*.yaml`, { cwd: ROOT })

/**
 * The YAML of a template as if every condition held: each action on a line of its own is left out, or stands for one member at
 * its indentation, and each other one for a text. It is no renderer, but shows mistakes of structure.
 */
function skeleton(text: string): string {
  return text
    .split('\n')
    .map(line => {
      const indentation = /nindent (\d+)/.exec(line)?.[1]
      if (indentation)
        return `${' '.repeat(Number(indentation))}included${/"postern\.([a-zA-Z]+)"/.exec(line)?.[1] ?? ''}: x`
      if (/^\s*\{\{-? (if|else|end|range|with)\b.*\}\}$/.test(line)) return ''
      return line.replaceAll(/"?\{\{.*?\}\}"?/g, 'x').replaceAll(/x-migrate|xx/g, 'x')
    })
    .join('\n')
}

// biome-ignore lint/suspicious/noExplicitAny: what the test reads from it, it asserts
type Resource = any
const resources = new Map<string, Resource>(
  templates.map(file => {
    const resource = parse(skeleton(read(file)))
    return [resource.kind, resource]
  }),
)

t.test('the chart has what a cluster needs', async t => {
  t.strictSame(
    [...resources.keys()].sort(),
    [
      'Deployment',
      'HorizontalPodAutoscaler',
      'Ingress',
      'Job',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'Service',
    ].sort(),
  )
  for (const [kind, resource] of resources) {
    t.match(
      resource,
      { apiVersion: /^(\w[\w.]*\/)?v\d$/, metadata: { name: 'x', labels: { includedlabels: 'x' } } },
      kind,
    )
  }
  const pod = resources.get('Deployment').spec.template.spec
  t.match(pod.containers[0], {
    livenessProbe: { httpGet: { path: '/health/live' } },
    readinessProbe: { httpGet: { path: '/health/ready' } },
    startupProbe: { httpGet: { path: '/health/live' } },
    includedenvironment: 'x',
    securityContext: { includedcontainerSecurity: 'x' },
  })
  t.match(pod, { automountServiceAccountToken: false, securityContext: { includedpodSecurity: 'x' } })
  const job = resources.get('Job')
  t.match(job.metadata.annotations, { 'helm.sh/hook': 'pre-install,pre-upgrade' })
  t.match(job.spec.template.spec.containers[0], { args: ['migrate'], includedenvironment: 'x' })
  const helpers = read(`${CHART}/templates/_helpers.tpl`)
  for (const rule of [
    'runAsNonRoot: true',
    'readOnlyRootFilesystem: true',
    'allowPrivilegeEscalation: false',
    'drop: [ALL]',
  ]) {
    t.ok(helpers.includes(rule), rule)
  }
})

t.test('templates use values and definitions that exist, and close what they open', async t => {
  const helpers = read(`${CHART}/templates/_helpers.tpl`)
  const defined = new Set([...helpers.matchAll(/define "([\w.]+)"/g)].map(([, name]) => name))
  const used = new Set<string>()
  for (const file of [...templates, `${CHART}/templates/_helpers.tpl`, `${CHART}/templates/NOTES.txt`]) {
    const text = read(file)
    const count = (pattern: RegExp) => [...text.matchAll(pattern)].length
    t.equal(count(/\{\{-? (if|range|with|define)\b/g), count(/\{\{-? end\b/g), basename(file))
    for (const [, path = ''] of text.matchAll(/\.Values\.([\w.]+)/g)) {
      let at: unknown = values
      for (const name of path.split('.')) at = (at as Record<string, unknown>)?.[name]
      t.not(at, undefined, `${basename(file)}: ${path}`)
      used.add(path.split('.')[0] as string)
    }
    for (const [, name] of text.matchAll(/include "([\w.]+)"/g)) t.ok(defined.has(name), `${basename(file)}: ${name}`)
  }
  t.strictSame([...used].sort(), Object.keys(values).sort(), 'every value is used')
})

const HELM = process.env.HELM_PATH ?? 'helm'
const HAS_HELM = spawnSync(HELM, ['version']).status === 0

t.test('helm accepts the chart', { skip: HAS_HELM ? false : 'needs helm (HELM_PATH)' }, async t => {
  const settings = ['--set', 'issuer=https://id.example.com,existingSecret=postern']
  const helm = (...args: string[]) => spawnSync(HELM, [...args, ...settings], { cwd: ROOT, encoding: 'utf8' })
  const lint = helm('lint', '--strict', CHART)
  t.equal(lint.status, 0, lint.stdout + lint.stderr)
  for (const more of ['ingress.enabled=true', 'autoscaling.enabled=false,scopesConfigMap=scopes']) {
    const rendered = helm('template', 'release', CHART, '--set', more)
    t.equal(rendered.status, 0, rendered.stderr)
    for (const document of rendered.stdout.split(/^---$/m).filter(text => text.trim())) {
      t.match(parse(document), { kind: /^[A-Z]/, metadata: { name: /^release-postern/ } })
    }
  }
})
