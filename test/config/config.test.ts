import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { type Config, loadConfig } from '../../src/config/config.ts'
import { SETTINGS, type Setting } from '../../src/config/schema.ts'
import { StartupError } from '../../src/errors/errors.ts'

const APP_KEY = randomBytes(32).toString('base64')
const HOUR = 3_600
const DAY = 24 * HOUR

type Row = [variable: string, good: [text: string, field: keyof Config, value: unknown][], bad: string[]]

const lifetime = (variable: string, field: keyof Config, others: string[] = []): Row => [
  variable,
  [
    ['P2D', field, 2 * DAY],
    ['PT90M', field, 90 * 60],
    ['12h', field, 12 * HOUR],
  ],
  ['soon', '60', 'P', 'PT', '-P1D', 'PT0.5S', 'P1H', ' ', 'P99999999999999999999Y', ...others],
]

const TABLE: Row[] = [
  [
    'PORT',
    [
      ['8080', 'port', 8080],
      ['8080', 'issuer', 'http://localhost:8080'],
      ['65535', 'port', 65_535],
    ],
    ['0', '65536', '-1', '80.5', '0x50', '1e3', ' 80', 'http', '8080\n'],
  ],
  [
    'ISSUER_PREVIOUS',
    [
      [
        'https://a.example.com/, http://localhost:3000',
        'issuerPrevious',
        ['https://a.example.com', 'http://localhost:3000'],
      ],
    ],
    ['a.example.com', 'https://a.example.com,', 'https://a.example.com//x'],
  ],
  [
    'HOST',
    [
      ['0.0.0.0', 'host', '0.0.0.0'],
      ['::', 'host', '::'],
      ['db-1.example.com', 'host', 'db-1.example.com'],
    ],
    [' 0.0.0.0', '0.0.0.0\n', '"0.0.0.0"', 'http://localhost', 'localhost:3000', '[::]'],
  ],
  ['CLIENTS_PER_USER', [['5', 'clientsPerUser', 5]], ['0', '-1', 'many', '1000001']],
  ['TOKENS_PER_USER', [['5', 'tokensPerUser', 5]], ['0', '-1', 'many', '1000001']],
  ['TOKEN_MAX_LIFETIME', [['P100Y', 'tokenMaxLifetime', 3_153_600_000]], ['P101Y', '99999999999y', 'P0D', '-1d']],
  [
    'DATABASE_TIMEOUT',
    [
      ['0', 'databaseTimeout', 0],
      ['1d', 'databaseTimeout', 86_400],
    ],
    ['2d', '-1s', 'P1Y'],
  ],
  ['EXCHANGED_TOKENS_PER_USER', [['5', 'exchangedTokensPerUser', 5]], ['0', '-1', 'many', '1000001']],
  ['REGISTERED_CLIENTS', [['5', 'registeredClients', 5]], ['0', '-1', 'many', '1000001']],
  ['REGISTRATIONS_PER_HOUR', [['5', 'registrationsPerHour', 5]], ['0', '-1', 'many', '1000001']],
  ['CACHED_TOKENS', [['500', 'cachedTokens', 500]], ['0', '99', 'many', '10000001']],
  ['FEED_READERS', [['5', 'feedReaders', 5]], ['0', '-1', 'many', '100001']],
  ['FEED_STREAMS_PER_CLIENT', [['5', 'feedStreamsPerClient', 5]], ['0', '-1', 'many', '1001']],
  [
    'FETCH_NETWORKS',
    [['10.0.0.0/8, fd00::/8,192.168.1.7', 'fetchNetworks', ['10.0.0.0/8', 'fd00::/8', '192.168.1.7']]],
    ['10.0.0.0/33', '0.0.0.0/0', '::/0', 'loopback', 'gitlab.internal', '10.0.0.0/8,', '10.0.0.0/8/8'],
  ],
  ['DCR', [['open', 'dcr', 'open']], ['on', 'yes']],
  [
    'CIMD',
    [
      ['off', 'cimd', 'off'],
      ['trusted', 'cimd', 'trusted'],
    ],
    ['yes', 'none'],
  ],
  [
    'CIMD_TRUSTED',
    [['claude.ai, xn--bcher-kva.example', 'cimdTrusted', ['claude.ai', 'xn--bcher-kva.example']]],
    ['https://claude.ai', 'claude.ai:443', 'Claude.ai', 'bücher.example', 'a,', 'a/b'],
  ],
  ['FETCH_LOOPBACK', [['on', 'fetchLoopback', true]], ['yes', 'true']],
  [
    'HSTS',
    [
      ['off', 'hsts', 'off'],
      ['preload', 'hsts', 'preload'],
    ],
    ['on', 'max-age=1'],
  ],
  [
    'ISSUER',
    [
      ['https://id.example.com', 'issuer', 'https://id.example.com'],
      ['https://id.example.com/', 'issuer', 'https://id.example.com'],
      ['https://example.com/auth', 'issuer', 'https://example.com/auth'],
      ['https://id.example.com', 'audience', 'https://id.example.com'],
      ['HTTPS://Id.example.com:443/auth/', 'issuer', 'https://id.example.com/auth'],
    ],
    [
      'localhost:3000',
      'id.example.com',
      'ftp://x',
      'https://x/?a=b',
      'https://x/?',
      'https://x#f',
      'https://u:p@x',
      'http:x',
      'https://id.example.com//',
      'https://id.example.com//auth',
      'https://@id.example.com',
      'https://id.example.com\n',
      '"https://id.example.com"',
    ],
  ],
  [
    'AUDIENCE',
    [
      ['https://api.example.com/', 'audience', 'https://api.example.com/'],
      ['urn:example:api', 'audience', 'urn:example:api'],
    ],
    ['api', 'https://api.example.com#x', 'https://api .example.com'],
  ],
  [
    'DATABASE_URL',
    [
      ['postgres://db/postern', 'databaseUrl', 'postgres://db/postern'],
      ['postgresql://u:p@db:5433/x', 'databaseUrl', 'postgresql://u:p@db:5433/x'],
      ['postgres://db/postern', 'listenUrl', 'postgres://db/postern'],
      ['postgres://u:p@a:1,b:2/x?sslmode=require', 'databaseUrl', 'postgres://u:p@a:1,b:2/x?sslmode=require'],
      [
        'postgres://[::1]:1,b/x?target_session_attrs=primary',
        'databaseUrl',
        'postgres://[::1]:1,b/x?target_session_attrs=primary',
      ],
    ],
    [
      'postgres://a,,b/x',
      'postgres://a:x,b/x',
      'postgres://a,b/x?target_session_attrs=any',
      'mysql://db/postern',
      'db/postern',
      'localhost:5432',
      'postgres://db/x\n',
      ' postgres://db/x',
    ],
  ],
  ['DATABASE_LISTEN_URL', [['postgres://db/direct', 'listenUrl', 'postgres://db/direct']], ['redis://db', 'db']],
  ['DATABASE_POOL_SIZE', [['1', 'databasePoolSize', 1]], ['0', 'many', '1001', '2.5']],
  [
    'DATABASE_TIMEOUT',
    [
      ['PT2M', 'databaseTimeout', 120],
      ['0', 'databaseTimeout', 0],
    ],
    ['soon', '-5s'],
  ],
  ['DATA_DIR', [['/srv/postern', 'dataDir', '/srv/postern']], ['/srv/x\n', '"/srv/x"', ' /srv/x']],
  [
    'REDIS_URL',
    [
      ['redis://cache:6379', 'redisUrl', 'redis://cache:6379'],
      ['rediss://cache', 'redisUrl', 'rediss://cache'],
    ],
    ['cache:6379', 'http://cache', 'redis://cache\n'],
  ],
  ['SCOPES_FILE', [['/etc/postern/scopes.json', 'scopesFile', '/etc/postern/scopes.json']], ['/etc/x ', "'/etc/x'"]],
  ['APP_KEY', [[APP_KEY, 'appKey', APP_KEY]], ['secret', 'a'.repeat(40), `${'correct horse '.repeat(5)}`]],
  [
    'SIGNING_ALGORITHM',
    [
      ['EdDSA', 'signingAlgorithm', 'EdDSA'],
      ['RS256', 'signingAlgorithm', 'RS256'],
    ],
    ['none', 'HS256', 'es256'],
  ],
  ['TOKEN_PREFIX', [['acme_', 'tokenPrefix', 'acme_']], ['acme', 'Acme_', 'a_', 'a b_', '_']],
  lifetime('PERSONAL_TOKEN_LIFETIME', 'personalTokenLifetime', ['P3Y']),
  lifetime('TOKEN_MAX_LIFETIME', 'tokenMaxLifetime'),
  lifetime('TOKEN_FAMILY_LIFETIME', 'tokenFamilyLifetime'),
  lifetime('ACCESS_TOKEN_LIFETIME', 'accessTokenLifetime'),
  lifetime('CLIENT_CREDENTIALS_LIFETIME', 'clientCredentialsLifetime'),
  lifetime('REFRESH_TOKEN_LIFETIME', 'refreshTokenLifetime'),
  [
    'AUTH_CODE_LIFETIME',
    [
      ['PT30S', 'authCodeLifetime', 30],
      ['PT10M', 'authCodeLifetime', 600],
    ],
    ['soon', '60', 'PT10M1S', '1h'],
  ],
  lifetime('DEVICE_CODE_LIFETIME', 'deviceCodeLifetime'),
  lifetime('SESSION_LIFETIME', 'sessionLifetime'),
  lifetime('SESSION_IDLE', 'sessionIdle'),
  [
    'CONSENT_LIFETIME',
    [
      ['P30D', 'consentLifetime', 2_592_000],
      ['0', 'consentLifetime', 0],
    ],
    ['90', 'for ever'],
  ],
  [
    'REFRESH_GRACE',
    [
      ['PT10S', 'refreshGrace', 10],
      ['0', 'refreshGrace', 0],
    ],
    ['10', 'a while'],
  ],
  [
    'TRUST_PROXY',
    [
      ['false', 'trustProxy', false],
      ['loopback', 'trustProxy', 'loopback'],
      ['10.0.0.0/8, fd00::/8,192.0.2.1', 'trustProxy', '10.0.0.0/8, fd00::/8,192.0.2.1'],
    ],
    ['true', '1', 'everyone', '10.0.0.0/33', '0.0.0.0/0', '::/0', '10.0.0/8', 'loopback,'],
  ],
  [
    'CORS_ORIGINS',
    [
      ['https://app.example.com', 'corsOrigins', ['https://app.example.com']],
      [
        'HTTPS://App.example.com:443, http://localhost:5173',
        'corsOrigins',
        ['https://app.example.com', 'http://localhost:5173'],
      ],
      [
        'capacitor://localhost,https://a.example,https://a.example',
        'corsOrigins',
        ['capacitor://localhost', 'https://a.example'],
      ],
    ],
    [
      '*',
      'null',
      'app.example.com',
      'https://app.example.com/',
      'https://app.example.com/app',
      'https://*.example.com',
      'https://app.example.com,',
      'https://user@app.example.com',
      'https://app.example.com?a',
      'https://app.example.com:99999',
      'file://localhost',
      'https:app.example.com',
    ],
  ],
  [
    'BRAND_NAME',
    [['Example & Søns 株式会社', 'brandName', 'Example & Søns 株式会社']],
    [' Example', 'x'.repeat(65), 'two\nlines', 'left\u202eright'],
  ],
  ['BRAND_COLOR', [['#1D4ed8', 'brandColor', '#1D4ed8']], ['blue', '#fff', '1d4ed8', '#1d4ed8ff', 'rgb(0,0,0)']],
  ['BRAND_LOGO_FILE', [['./logo.svg', 'brandLogoFile', './logo.svg']], ['"logo.svg"', ' logo.svg']],
  ['LOG_LEVEL', [['debug', 'logLevel', 'debug']], ['verbose', 'INFO']],
  ['LOG_FORMAT', [['json', 'logFormat', 'json']], ['pretty', 'JSON']],
  [
    'METRICS_TOKEN',
    [['x'.repeat(32), 'metricsToken', 'x'.repeat(32)]],
    [
      'x'.repeat(31),
      `${'x'.repeat(40)}\n`,
      ` ${'x'.repeat(40)}`,
      `"${'x'.repeat(40)}"`,
      `${'x'.repeat(20)} ${'x'.repeat(20)}`,
    ],
  ],
  [
    'INITIAL_ACCESS_TOKEN',
    [['x'.repeat(32), 'initialAccessToken', 'x'.repeat(32)]],
    [
      'x'.repeat(31),
      `${'x'.repeat(40)}\n`,
      ` ${'x'.repeat(40)}`,
      `"${'x'.repeat(40)}"`,
      `${'x'.repeat(20)} ${'x'.repeat(20)}`,
    ],
  ],
]

t.test('without any variable there is a value for everything', async t => {
  const dataDir = join(t.testdir(), 'data')
  const config = loadConfig({ DATA_DIR: dataDir })
  t.match(config, {
    port: 3000,
    host: '127.0.0.1',
    issuer: 'http://localhost:3000',
    audience: 'http://localhost:3000',
    databaseUrl: undefined,
    listenUrl: undefined,
    redisUrl: undefined,
    scopesFile: resolve(import.meta.dirname, '..', '..', 'scopes.json'),
    signingAlgorithm: 'ES256',
    tokenPrefix: 'post_',
    personalTokenLifetime: 365 * DAY,
    accessTokenLifetime: HOUR,
    trustProxy: false,
    logLevel: 'info',
    logFormat: 'auto',
  })
  t.equal(loadConfig({ APP_KEY }).dataDir, resolve('data'))
  t.throws(() => Object.assign(config, { port: 1 }), 'nothing changes it later')
})

t.test('an empty variable is one that is not set', async t => {
  const empty = Object.fromEntries(TABLE.map(([variable]) => [variable, '']))
  t.strictSame(loadConfig({ ...empty, APP_KEY }), loadConfig({ APP_KEY }))
})

for (const [variable, good, bad] of TABLE) {
  t.test(`${variable} is read and checked`, async t => {
    for (const [text, field, value] of good) {
      t.strictSame(loadConfig({ APP_KEY, [variable]: text })[field], value, `${text} makes ${field} ${value}`)
    }
    for (const text of bad) {
      const error = refusal({ APP_KEY, [variable]: text })
      t.ok(error instanceof StartupError, `${JSON.stringify(text)} is refused`)
      t.ok(error?.message.startsWith(`${variable} `), `by its name: ${error?.message}`)
      t.notMatch(error?.message, '\n', 'in one line')
    }
  })
}

/** Options that may be an empty list. */
const LISTS: ReadonlySet<string> = new Set([
  'issuerPrevious',
  'appKeyPrevious',
  'fetchNetworks',
  'corsOrigins',
  'cimdTrusted',
])

t.test('an option is checked like its variable', async t => {
  for (const [option, { variable, kind }] of Object.entries<Setting>(SETTINGS)) {
    const wrong = [-1, 1.5, Number.NaN, {}, [], '\n', ...(kind.parse('90d') === undefined ? ['90d'] : [])]
    for (const value of wrong) {
      if (Array.isArray(value) && LISTS.has(option)) continue
      const error = refusal({ APP_KEY }, { [option]: value })
      t.ok(error instanceof StartupError, `${option}: ${JSON.stringify(value)} is refused`)
      t.ok(error?.message.startsWith(`${variable} must be `), String(error?.message))
    }
    const empty = refusal({ APP_KEY }, { [option]: '' })
    t.ok(
      empty instanceof TypeError && empty.message.startsWith(`openPostern: ${option} must be `),
      String(empty?.message),
    )
  }
  t.match(refusal({ APP_KEY }, { accessTokenLifetme: 60 }), {
    name: 'TypeError',
    message: /no option accessTokenLifetme/,
  })
  const { accessTokenLifetime, sessionLifetime } = loadConfig(
    { APP_KEY },
    { accessTokenLifetime: 60, sessionLifetime: 'P1D' },
  )
  t.strictSame([accessTokenLifetime, sessionLifetime], [60, DAY], 'seconds, or a duration as in the variable')
})

t.test('what may carry a password is not repeated', async t => {
  for (const variable of [
    'DATABASE_URL',
    'DATABASE_LISTEN_URL',
    'REDIS_URL',
    'APP_KEY',
    'INITIAL_ACCESS_TOKEN',
    'METRICS_TOKEN',
  ]) {
    t.notMatch(refusal({ APP_KEY, [variable]: 'x://me:hunter2@db' })?.message, 'hunter2', variable)
  }
})

t.test('each secret also comes from a file', async t => {
  const values: Record<string, string> = {
    APP_KEY,
    APP_KEY_PREVIOUS: `${'A'.repeat(43)}=`,
    DATABASE_URL: 'postgres://me:hunter2@db/x',
    DATABASE_LISTEN_URL: 'postgres://me:hunter2@db/y',
    REDIS_URL: 'redis://:hunter2@cache',
    SMTP_URL: 'smtp://me:hunter2@mail.example.com',
    METRICS_TOKEN: 'm'.repeat(40),
    SCIM_TOKEN: 's'.repeat(40),
    DEVISE_PEPPER: 'p'.repeat(128),
    INITIAL_ACCESS_TOKEN: 'i'.repeat(40),
  }
  const settings = Object.entries<Setting>(SETTINGS).filter(([, { kind }]) => kind.isSecret)
  const secrets = [['appKey', 'APP_KEY'], ...settings.map(([field, { variable }]) => [field, variable])]
  for (const [field, variable] of secrets as [keyof Config, string][]) {
    const value = values[variable] as string
    t.type(value, 'string', `this test has a value for ${variable}`)
    const dir = t.testdir({
      plain: value,
      line: `${value}\n`,
      windows: `\uFEFF${value}\r\n`,
      empty: '\n',
      blanks: ` \t${value} \n\n`,
      odd: `${value} x`,
    })
    const env = { ...(variable !== 'APP_KEY' && { APP_KEY }), MAIL_FROM: 'no-reply@example.com' }
    for (const file of ['plain', 'line', 'windows', 'blanks']) {
      const read = loadConfig({ ...env, [`${variable}_FILE`]: join(dir, file) })[field]
      t.same(read, variable === 'APP_KEY_PREVIOUS' ? [value] : value, `${variable} ${file}`)
    }
    for (const text of [` ${value}`, `${value}\n`]) {
      const error = refusal({ ...env, [variable]: text })
      t.match(error?.message, `${variable} must not begin or end with white space`)
      t.notMatch(error?.message, 'hunter2')
    }
    for (const file of ['empty', 'odd', 'missing', '.']) {
      const error = refusal({ ...env, [`${variable}_FILE`]: join(dir, file) })
      t.ok(
        error instanceof StartupError && error.message.startsWith(variable),
        `${variable} ${file}: ${error?.message}`,
      )
      t.notMatch(error?.message, 'hunter2')
    }
    const both = refusal({ ...env, [variable]: value, [`${variable}_FILE`]: join(dir, 'plain') })
    t.equal(both?.message, `${variable} and ${variable}_FILE are both set: remove one of them.`)
  }
})

t.test('the catalogue is the one in the working folder, else the sample', async t => {
  const here = process.cwd()
  t.teardown(() => process.chdir(here))
  const dir = realpathSync(t.testdir({ own: { 'scopes.json': '[]' }, none: {} }))
  process.chdir(join(dir, 'own'))
  t.equal(loadConfig({ APP_KEY }).scopesFile, join(dir, 'own', 'scopes.json'))
  process.chdir(join(dir, 'none'))
  t.equal(loadConfig({ APP_KEY }).scopesFile, resolve(import.meta.dirname, '..', '..', 'scopes.json'))
})

t.test('the key of an embedded database is made once, for its owner alone', async t => {
  const dataDir = join(t.testdir(), 'deep', 'data')
  const { appKey } = loadConfig({ DATA_DIR: dataDir })
  t.ok(Buffer.from(appKey, 'base64').length >= 32)
  t.equal(statSync(join(dataDir, 'app.key')).mode & 0o777, 0o600)
  t.equal(statSync(dataDir).mode & 0o777, 0o700)
  t.equal(loadConfig({ DATA_DIR: dataDir }).appKey, appKey, 'a second start has the same')
  t.equal(readFileSync(join(dataDir, 'app.key'), 'utf8').trim(), appKey)
})

t.test('a shared database needs a key that is given', async t => {
  const dataDir = join(t.testdir(), 'data')
  const error = refusal({ DATABASE_URL: 'postgres://db/postern', DATA_DIR: dataDir })
  t.match(error?.message, /^APP_KEY is required with DATABASE_URL/)
  t.throws(() => statSync(dataDir), 'and makes no directory')
})

t.test('a data directory that cannot be used is named', async t => {
  const dir = t.testdir({ file: 'not a directory', damaged: { 'app.key': 'half a k' } })
  t.match(
    refusal({ DATA_DIR: join(dir, 'file') })?.message,
    /^DATA_DIR .*file cannot be written \(E\w+\): .*file is not a directory\. /,
  )
  t.match(
    refusal({ DATA_DIR: join(dir, 'file', 'in') })?.message,
    /^DATA_DIR .* cannot be written \(ENOTDIR\): .*file is not a directory\. /,
  )
  t.match(refusal({ DATA_DIR: '/proc/x' })?.message, /^DATA_DIR \/proc\/x cannot be written \(E\w+\): no directory can/)
  t.match(
    refusal({ DATA_DIR: join(dir, 'damaged') })?.message,
    /^The key in .*app\.key must be at least 32 random bytes/,
  )
})

t.test('a directory of somebody else is named too', { skip: process.getuid?.() === 0 && 'root may write' }, async t => {
  const dir = t.testdir()
  mkdirSync(join(dir, 'locked'))
  chmodSync(join(dir, 'locked'), 0o500)
  t.match(
    refusal({ DATA_DIR: join(dir, 'locked') })?.message,
    /^DATA_DIR .* cannot be written \(EACCES\): this user has no permission/,
  )
})

t.test('personal tokens live no longer than any token may', async t => {
  const error = refusal({ APP_KEY, PERSONAL_TOKEN_LIFETIME: 'P30D', TOKEN_MAX_LIFETIME: 'P7D' })
  t.match(error?.message, 'PERSONAL_TOKEN_LIFETIME must not be longer than TOKEN_MAX_LIFETIME')
  t.equal(
    loadConfig({ APP_KEY, TOKEN_MAX_LIFETIME: 'P7D' }).personalTokenLifetime,
    7 * DAY,
    'a shorter limit shortens the default',
  )
})

t.test('OpenID providers are read by their number', async t => {
  const first = { OIDC_ISSUER: 'https://a.example/', OIDC_CLIENT_ID: 'x', OIDC_CLIENT_SECRET: 's' }
  const second = {
    OIDC_3_ISSUER: 'https://b.example',
    OIDC_3_CLIENT_ID: 'y',
    OIDC_3_CLIENT_SECRET: 's',
    OIDC_3_ADMINS: 'roles=x=y',
  }
  const [a, b] = loadConfig({ APP_KEY, ...first, ...second }).oidc
  t.match(a, { key: '1', issuer: 'https://a.example/', label: 'a.example', provision: 'jit', link: 'none' })
  t.match(b, { key: '3', admins: { claim: 'roles', value: 'x=y' } })
  t.same(loadConfig({ APP_KEY }).oidc, [])
  const wrong: [Record<string, string>, RegExp][] = [
    [{ OIDC_CLIENT_ID: '' }, /OIDC_CLIENT_ID is required with OIDC_ISSUER/],
    [{ OIDC_CLIENT_SECRET: '' }, /Set one of OIDC_CLIENT_SECRET and OIDC_PRIVATE_KEY/],
    [{ OIDC_ISSUER: 'login.example.com' }, /OIDC_ISSUER must be the https:\/\/ URL/],
    [{ OIDC_PROVISION: 'yes' }, /OIDC_PROVISION must be one of jit, existing/],
    [{ OIDC_ADMINS: 'groups' }, /OIDC_ADMINS must be a claim and its value/],
    [{ OIDC_LINK: 'email' }, /OIDC_LINK must be one of none, verified_email/],
  ]
  for (const [env, message] of wrong) t.match(refusal({ APP_KEY, ...first, ...env })?.message, message)
  t.match(refusal({ APP_KEY, PASSWORDS: 'off' })?.message, /nobody could sign in/)
  t.match(refusal({ APP_KEY, SMTP_URL: 'smtp://mail.example' })?.message, /MAIL_FROM is required/)
  for (const MAIL_FROM of ['x', 'a@b.example\nBcc: c@d.example', 'A <a@b>, c@d', '"A" <a@b>']) {
    t.match(refusal({ APP_KEY, MAIL_FROM })?.message, /MAIL_FROM must be an e-mail address/)
  }
})

t.test('the README lists every variable that is read, and no other', async t => {
  const source = (file: string) => readFileSync(join(import.meta.dirname, '..', '..', file), 'utf8')
  const names = (text: string, pattern: RegExp) =>
    [...new Set([...text.matchAll(pattern)].map(([, name]) => name))].sort()
  const read = ['APP_KEY', ...Object.values(SETTINGS).map(({ variable }) => variable)].sort()
  const [, table = ''] = /## Configuration\n(.*?)\n\nDurations/s.exec(source('README.md')) ?? []
  const rows = table.split('\n').map(row => row.split('|')[1] ?? '')
  t.strictSame(names(rows.join('\n'), /`([A-Z][A-Z_]+)`/g), read)
})

function refusal(env: Record<string, string>, given: object = {}): Error | undefined {
  try {
    loadConfig(env, given)
    return undefined
  } catch (error) {
    return error as Error
  }
}
