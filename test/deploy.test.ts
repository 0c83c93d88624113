import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Ajv } from 'ajv'
import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import type { Kind } from '../src/config/kind.ts'
import { PROVIDER_SETTINGS } from '../src/config/oidc.ts'
import { SETTINGS } from '../src/config/schema.ts'
import { Chart } from './deploy/render.ts'

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
    { config: { log: 'x' } },
    { secretFileKeys: ['APP_KEY', 'DATABASE_URL', 'LOG_LEVEL'] },
    { secretFileKeys: ['APP_KEY'] },
    { secretAsFiles: true, podMonitor: { enabled: true } },
    { terminationGracePeriodSeconds: 15 },
    { replicas: 3 },
  ]) {
    t.notOk(validate({ ...values, ...wrong }), JSON.stringify(wrong))
  }
  const { version, appVersion } = parse(read(`${CHART}/Chart.yaml`)) as Record<string, string>
  t.equal(version, JSON.parse(read('package.json')).version)
  t.equal(appVersion, version)
})

/** Every variable that may contain a secret, each of which also has a form `<variable>_FILE`. */
function secrets(): string[] {
  const isSecret = ({ kind }: { kind: Kind }) => kind.isSecret
  const names = (settings: object) =>
    Object.values(settings as typeof SETTINGS)
      .filter(isSecret)
      .map(({ variable }) => variable)
  const ofProviders = names(PROVIDER_SETTINGS).flatMap(name => [`OIDC_${name}`, `OIDC_2_${name}`, `OIDC_9_${name}`])
  return ['APP_KEY', 'OTEL_EXPORTER_OTLP_HEADERS', ...names(SETTINGS), ...ofProviders]
}

t.test('secrets, and what the chart sets, are no values of config', async t => {
  const allows = (variable: string) => validate({ ...values, config: { [variable]: 'x' } })
  t.ok(secrets().includes('DEVISE_PEPPER') && secrets().includes('OIDC_2_PRIVATE_KEY'))
  for (const variable of secrets()) {
    t.notOk(allows(variable), variable)
    const secretFileKeys = [...new Set(['APP_KEY', 'DATABASE_URL', variable])]
    t.ok(validate({ ...values, secretFileKeys }), `${variable} may be a file`)
  }
  for (const variable of ['HOST', 'ISSUER', 'PORT', 'SCOPES_FILE', 'PGPASSWORD', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS']) {
    t.notOk(allows(variable), variable)
  }
  for (const variable of ['BRAND_LOGO_FILE', 'SMTP_URL_FILE', 'OIDC_CLIENT_ID', 'ISSUER_PREVIOUS', 'PASSWORDS']) {
    t.ok(allows(variable), variable)
  }
  const comment = read(`${CHART}/values.yaml`)
  for (const variable of secrets().filter(name => !/^OIDC_\d/.test(name))) t.ok(comment.includes(variable), variable)
})

t.test('the nodes of the defaults fit into a PostgreSQL of the defaults', async t => {
  const { maxReplicas } = values.autoscaling as { maxReplicas: number }
  const ofEachNode = (SETTINGS.databasePoolSize.fallback({} as never) as number) + 1
  const startingAndEnding = 2
  const ofJobs = 3
  t.ok((maxReplicas + startingAndEnding) * ofEachNode + ofJobs <= 97)
})

const templates = globSync(`${CHART}/templates/*.yaml`, { cwd: ROOT })
const FOLDER = join(ROOT, CHART)
const chart = new Chart(FOLDER, globSync('templates/*', { cwd: FOLDER }))
const REQUIRED = { issuer: 'https://id.example.com', existingSecret: 'secret' }
const ALL = { ingress: { enabled: true }, podMonitor: { enabled: true } }

// biome-ignore lint/suspicious/noExplicitAny: what the test reads from it, it asserts
type Resource = any
const documents = (text: string): Resource[] =>
  parseAllDocuments(text)
    .map(each => {
      if (each.errors.length > 0) throw each.errors[0]
      return each.toJS()
    })
    .filter(Boolean)

function render(changed: object = {}, release?: string): Resource[] {
  const values = { ...REQUIRED, ...changed }
  return [...chart.render(values, release)].flatMap(([file, text]) => (file.endsWith('.yaml') ? documents(text) : []))
}

const only = (kind: string, resources: Resource[]): Resource => resources.find(resource => resource.kind === kind)

/** The templates of the pods of the server and of both jobs. */
function pods(changed?: object): Resource[] {
  const resources = render(changed)
  return [
    only('Deployment', resources).spec.template,
    only('Job', resources).spec.template,
    only('CronJob', resources).spec.jobTemplate.spec.template,
  ]
}

t.test('the chart has what a cluster needs', async t => {
  const resources = render(ALL)
  t.strictSame(resources.map(({ kind }) => kind).sort(), [
    'CronJob',
    'Deployment',
    'HorizontalPodAutoscaler',
    'Ingress',
    'Job',
    ...Array(3).fill('NetworkPolicy'),
    'PodDisruptionBudget',
    'PodMonitor',
    'Service',
  ])
  for (const resource of resources) {
    const name = /^release-postern(-migrate|-prune)?$/
    const labels = { 'app.kubernetes.io/name': 'postern', 'app.kubernetes.io/managed-by': 'Helm' }
    t.match(resource, { apiVersion: /^(\w[\w.]*\/)?v\d$/, metadata: { name, labels } }, resource.kind)
  }
  t.match(only('Deployment', resources).spec.template.spec.containers[0], {
    livenessProbe: { httpGet: { path: '/health/live' } },
    readinessProbe: { httpGet: { path: '/health/ready' } },
    startupProbe: { httpGet: { path: '/health/live' } },
  })
})

t.test('the pods of the server and of the jobs run alike, without privileges', async t => {
  const scheduling = { nodeSelector: { pool: 'auth' }, tolerations: [{ key: 'auth', operator: 'Exists' }] }
  const all = pods({ ...scheduling, config: { TRUST_PROXY: '10.0.0.0/8' } })
  for (const { spec } of all) {
    t.match(spec, {
      ...scheduling,
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    })
    const [container] = spec.containers
    t.strictSame(container.securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    t.strictSame(container.env, [
      { name: 'ISSUER', value: 'https://id.example.com' },
      { name: 'LOG_LEVEL', value: 'info' },
      { name: 'TRUST_PROXY', value: '10.0.0.0/8' },
    ])
    t.strictSame(container.envFrom, [{ secretRef: { name: 'secret' } }])
    t.match(container.resources, { requests: { memory: '256Mi' }, limits: { memory: '512Mi' } })
    t.notOk('volumes' in spec || 'volumeMounts' in container, 'no volumes are needed')
  }
  t.strictSame(
    all.map(({ spec }) => spec.containers[0].args),
    [['serve'], ['migrate', '--online'], ['prune', '--hours', '168']],
  )
})

t.test('a migration that needs a stop is refused at once, unless it is allowed', async t => {
  const job = only('Job', render())
  t.match(job.metadata.annotations, { 'helm.sh/hook': 'pre-install,pre-upgrade' })
  t.equal(job.spec.activeDeadlineSeconds, 600)
  const [{ name }] = job.spec.template.spec.containers
  t.strictSame(job.spec.podFailurePolicy.rules, [
    { action: 'FailJob', onExitCodes: { containerName: name, operator: 'In', values: [3] } },
  ])
  t.equal(job.spec.template.spec.restartPolicy, 'Never', 'which the policy of failures requires')
  const allowed = only('Job', render({ migration: { allowStop: true } }))
  t.strictSame(allowed.spec.template.spec.containers[0].args, ['migrate'])
})

t.test('volumes of your own, and secrets as files', async t => {
  const own = {
    extraVolumes: [{ name: 'ca', configMap: { name: 'ca' } }],
    extraVolumeMounts: [{ name: 'ca', mountPath: '/etc/ca', readOnly: true }],
  }
  const changed = {
    ...own,
    secretAsFiles: true,
    secretFileKeys: ['APP_KEY', 'DATABASE_URL'],
    scopesConfigMap: 'scopes',
  }
  t.ok(validate({ ...values, ...changed }))
  for (const { spec } of pods(changed)) {
    const [{ env, envFrom, volumeMounts }] = spec.containers
    t.equal(envFrom, undefined)
    t.match(env, [
      { name: 'ISSUER' },
      { name: 'SCOPES_FILE', value: '/etc/postern/scopes.json' },
      { name: 'APP_KEY_FILE', value: '/run/secrets/postern/APP_KEY' },
      { name: 'DATABASE_URL_FILE', value: '/run/secrets/postern/DATABASE_URL' },
      { name: 'LOG_LEVEL' },
    ])
    const items = ['APP_KEY', 'DATABASE_URL'].map(key => ({ key, path: key }))
    t.strictSame(spec.volumes, [
      { name: 'scopes', configMap: { name: 'scopes' } },
      { name: 'secrets', secret: { secretName: 'secret', defaultMode: 0o400, items } },
      ...own.extraVolumes,
    ])
    t.strictSame(volumeMounts, [
      { name: 'scopes', mountPath: '/etc/postern', readOnly: true },
      { name: 'secrets', mountPath: '/run/secrets/postern', readOnly: true },
      ...own.extraVolumeMounts,
    ])
    t.equal(spec.securityContext.fsGroup, spec.securityContext.runAsGroup, 'the server can read files of root')
  }
  for (const { spec } of pods(own)) t.strictSame(spec.volumes, own.extraVolumes)
  t.match(
    pods({ secretAsFiles: true }).map(({ spec }) => spec.containers[0].env[2]),
    Array(3).fill({ name: 'DATABASE_URL_FILE' }),
  )
})

t.test('each pod has a network policy, that of the migration before it runs', async t => {
  const policies = render({ networkPolicy: { egressPorts: [6432] } }).filter(({ kind }) => kind === 'NetworkPolicy')
  for (const [i, { metadata }] of pods().entries()) {
    const { podSelector, policyTypes, ingress, egress } = policies[i].spec
    t.match(metadata.labels, podSelector.matchLabels)
    t.strictSame(policyTypes, ['Ingress', 'Egress'])
    t.strictSame(ingress, i === 0 ? [{ ports: [{ port: 'http' }] }] : undefined, 'nobody connects to a job')
    t.strictSame(
      egress[0].ports.map(({ port }: { port: number }) => port),
      [53, 53, 6432],
    )
  }
  const hooks = policies.map(({ metadata }) => metadata.annotations)
  t.match(hooks, [undefined, { 'helm.sh/hook': 'pre-install,pre-upgrade', 'helm.sh/hook-weight': '-1' }, undefined])
  const kinds = render({ migration: { enabled: false }, prune: { enabled: false } }).map(({ kind }) => kind)
  t.strictSame(
    kinds.filter(kind => ['NetworkPolicy', 'Job', 'CronJob'].includes(kind)),
    ['NetworkPolicy'],
  )
})

t.test('the nodes spread over machines, and have time to end', async t => {
  const spread = (changed?: object) => only('Deployment', render(changed)).spec.template.spec.topologySpreadConstraints
  const [constraint] = spread()
  t.match(constraint, { topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' })
  t.strictSame(
    constraint.labelSelector.matchLabels,
    only('Deployment', render()).spec.selector.matchLabels,
    'only nodes are counted',
  )
  const zones = [{ topologyKey: 'topology.kubernetes.io/zone', maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' }]
  t.strictSame(spread({ topologySpreadConstraints: zones }), zones)
  t.throws(() => render({ preStopSeconds: 10 }), /terminationGracePeriodSeconds/)
  t.ok(render({ preStopSeconds: 9 }))
})

t.test('prune runs each night, under a name that Kubernetes accepts', async t => {
  const job = only('CronJob', render())
  t.match(job.spec, { schedule: '17 3 * * *', concurrencyPolicy: 'Forbid' })
  t.equal(job.spec.jobTemplate.spec.template.spec.restartPolicy, 'Never')
  const { name } = only('CronJob', render({}, 'a-release-with-a-name-of-fifty-three-characters-12345')).metadata
  t.ok(name.length <= 52 && name.endsWith('-prune'), name)
})

t.test('the PodMonitor asks each node with METRICS_TOKEN', async t => {
  t.notOk(only('PodMonitor', render()))
  const labels = { release: 'prometheus' }
  const monitor = only('PodMonitor', render({ podMonitor: { enabled: true, labels } }))
  t.match(monitor.metadata.labels, labels)
  t.match(pods()[0].metadata.labels, monitor.spec.selector.matchLabels)
  t.equal(pods()[0].metadata.labels[monitor.spec.jobLabel], 'postern', 'the job of the alerts and the dashboard')
  t.match(monitor.spec.podMetricsEndpoints, [
    { port: 'http', path: '/metrics', authorization: { credentials: { name: 'secret', key: 'METRICS_TOKEN' } } },
  ])
})

t.test('the notes print commands that show all', async t => {
  const notes = chart.render({ ...REQUIRED, scopesConfigMap: 'scopes' }).get('templates/NOTES.txt')
  t.match(notes, / logs --tail=-1 --selector /)
  t.match(notes, /Secret secret or the ConfigMap scopes\./)
  t.match(notes, /rollout restart deployment\/release-postern$/m)
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
  const settings = ['--set', 'issuer=https://id.example.com,existingSecret=secret']
  const helm = (...args: string[]) => spawnSync(HELM, [...args, ...settings], { cwd: ROOT, encoding: 'utf8' })
  const lint = helm('lint', '--strict', CHART)
  t.equal(lint.status, 0, lint.stdout + lint.stderr)
  const file = join(t.testdir(), 'values.json')
  const volumes = { extraVolumes: [{ name: 'a', emptyDir: {} }], extraVolumeMounts: [{ name: 'a', mountPath: '/a' }] }
  const byName = (resources: Resource[]) =>
    Object.fromEntries(resources.map(resource => [`${resource.kind} ${resource.metadata.name}`, resource]))
  for (const changed of [
    ALL,
    { autoscaling: { enabled: false }, scopesConfigMap: 'scopes', migration: { allowStop: true } },
    { secretAsFiles: true, nodeSelector: { pool: 'auth' }, networkPolicy: { from: [{ podSelector: {} }] }, ...volumes },
  ]) {
    writeFileSync(file, JSON.stringify(changed))
    const rendered = helm('template', 'release', CHART, '-f', file)
    t.equal(rendered.status, 0, rendered.stderr)
    t.strictSame(byName(documents(rendered.stdout)), byName(render(changed)))
  }
})
