import { type Command, InvalidArgumentError, Option } from 'commander'
import type { RevokedKey } from '../admin/revoke-key.ts'
import { ALGORITHMS, type Algorithm } from '../config/config.ts'
import type { SigningKey } from '../keys/key.entity.ts'
import { isKid, jwtStart } from '../keys/kid.ts'
import type { Rotation } from '../keys/rotation.ts'
import { JWKS_MAX_AGE, signsFrom } from '../keys/schedule.ts'
import type { Services } from '../services.ts'
import { examples, JSON_OPTION, type JsonOption } from './options.ts'
import { printResult, table, time } from './output.ts'
import { withBareServices, withServices } from './services.ts'
import { withTokenBar } from './token-bar.ts'

interface TrustOptions extends JsonOption {
  source: string
}

interface RotateOptions extends JsonOption {
  algorithm?: Algorithm
  now?: boolean
}

const COST = `verifiers that cache the JWK Set may reject new tokens for up to ${JWKS_MAX_AGE / 60} minutes`

export function keyCommands(postern: Command): void {
  const keys = postern.command('keys').description('List, rotate and revoke the signing keys.')

  keys
    .command('list')
    .description(
      'List the keys, oldest first: retired keys, the active key and the standby key. Also shows the text that every JWT ' +
        'begins with, for secret scanners.',
    )
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern keys list'))
    .action(async ({ json }: JsonOption) => {
      const work = async ({ keys, config }: Services) => ({ rows: await keys.list(), prefix: config.tokenPrefix })
      const { rows, prefix } = await withServices(work, 'read')
      const { toKey } = await import('../admin/schemas.ts')
      const data = { data: rows.map(toKey), jwt_start: jwtStart(prefix) }
      printResult(json, data, `${asTable(rows)}\n\n${recognition(rows, prefix)}`)
    })

  keys
    .command('rotate')
    .description(
      'Activate the standby key once every cached JWK Set contains it. ' +
        'Tokens that the active key signed stay valid.',
    )
    .addOption(
      new Option(
        '--algorithm <name>',
        'algorithm of the key (default: that of a scheduled key, or SIGNING_ALGORITHM)',
      ).choices(ALGORITHMS),
    )
    .option('--now', `in an emergency, activate the key immediately: ${COST}`)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      examples('postern keys rotate', 'postern keys rotate --algorithm EdDSA', 'postern keys rotate --now'),
    )
    .action(async ({ algorithm, now, json }: RotateOptions) => {
      const key = await withServices(services => services.keys.rotate(algorithm, { now }))
      const { toKey } = await import('../admin/schemas.ts')
      printResult(json, { data: toKey(key) }, report(key))
    })

  keys
    .command('revoke')
    .description(
      'Revoke a key that may have been stolen. It is removed from the JWK Set immediately and from guards that follow ' +
        'the event feed within a second, and tokens signed with it are rejected everywhere. If it is the active key, the ' +
        'next key replaces it immediately. This cannot be undone.',
    )
    .argument('<kid>', 'ID of the key', kidArgument)
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern keys revoke post_01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a13'))
    .action(async (kid: string, { json }: JsonOption) => {
      const { toKey } = await import('../admin/schemas.ts')
      const { key, tokens } = await withTamperedKeys(services => revokeWithBar(services, kid))
      const { count: revoked, complete } = tokens
      const text =
        `Revoked key ${key.id} (${key.algorithm}) and ${revoked} ${revoked === 1 ? 'token' : 'tokens'}.\n` +
        `List the tokens: GET /admin/tokens?key_id=${key.id}&state=all`
      printResult(json, { data: toKey(key), tokens: { revoked, complete } }, text)
    })

  rewrapCommand(keys)
  trustCommands(keys)
}

async function revokeWithBar(services: Services, kid: string): Promise<RevokedKey> {
  const { countSigned, revokeKey } = await import('../admin/revoke-key.ts')
  // First, since counting takes time.
  await services.keys.revoke(kid)
  return withTokenBar(
    () => countSigned(services, kid),
    onProgress => revokeKey(services, kid, { onProgress }),
  )
}

function rewrapCommand(keys: Command): void {
  keys
    .command('rewrap')
    .description(
      'Change APP_KEY without a stop: encrypt with APP_KEY everything that is encrypted with APP_KEY_PREVIOUS. Give every ' +
        'node both variables first. After an interruption, run it again. See docs/rotating-secrets.md.',
    )
    .option(...JSON_OPTION)
    .addHelpText('after', examples('APP_KEY_FILE=new.key APP_KEY_PREVIOUS_FILE=old.key postern keys rewrap'))
    .action(async ({ json }: JsonOption) => {
      const { active, rewrapped } = await withTamperedKeys(services => services.rewrap())
      const counts = Object.entries(rewrapped).map(([name, count]) => `${count} ${name}`)
      const text = `APP_KEY ${active} is active: encrypted ${counts.join(', ')} with it. Nothing needs APP_KEY_PREVIOUS in the database.`
      printResult(json, { active, rewrapped }, text)
    })
}

/** Other commands fail while a key row was tampered with, or a change of APP_KEY is incomplete. These two end that. */
function withTamperedKeys<T>(work: (services: Services) => Promise<T>): Promise<T> {
  const ready = async (services: Services) => {
    const { requireMigrated } = await import('../database/migrations.ts')
    await requireMigrated(services.db, true)
    return work(services)
  }
  return withBareServices(ready, { access: 'change' })
}

function kidArgument(text: string): string {
  if (isKid(text)) return text
  throw new InvalidArgumentError('It must be an ID from the list command.')
}

/** How JWTs begin, and how to get there if the active key is from before TOKEN_PREFIX. */
function recognition(rows: SigningKey[], prefix: string): string {
  const start = jwtStart(prefix)
  const active = rows.find(({ state }) => state === 'current')
  if (active?.id.startsWith(prefix)) return `Every JWT begins with ${start}`
  return `JWTs begin with ${start} after the next rotation: the ID of the active key does not begin with ${prefix}`
}

function trustCommands(keys: Command): void {
  keys
    .command('trust')
    .description(
      'Trust the public key of another system, so that the JWTs that it signed work here. Only JWTs are accepted whose ' +
        'rows were imported from the same source.',
    )
    .argument('<file>', 'public key in PEM, such as oauth-public.key of Laravel Passport')
    .option('--source <name>', 'source of the imported tokens', 'passport')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern keys trust storage/oauth-public.key'))
    .action(async (file: string, { source, json }: TrustOptions) => {
      const { readPublicKey, trustKey } = await import('../imported/trusted-keys.ts')
      const jwk = await readPublicKey(file)
      const key = await withServices(({ bus }) => trustKey(bus, source, jwk))
      printResult(json, { data: key }, `Trusts ${key.algorithm} key ${key.kid} for tokens from "${key.source}"`)
    })

  keys
    .command('trusted')
    .description('List the keys of other systems that are trusted.')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern keys trusted'))
    .action(async ({ json }: JsonOption) => {
      const { trustedKeys } = await import('../imported/trusted-keys.ts')
      const rows = trustedKeys(await withServices(async ({ importSources }) => importSources.all(), 'read'))
      const cells = rows.map(({ kid, algorithm, source }) => [kid, algorithm, source])
      printResult(json, { data: rows }, table(['kid', 'algorithm', 'source'], cells))
    })

  keys
    .command('distrust')
    // A thumbprint may begin with a hyphen.
    .allowUnknownOption()
    .description(
      'No longer trust the key of another system. From then on, the JWTs that it signed are rejected, within a second also ' +
        'by guards that follow the event feed. It can be repeated if it was interrupted.',
    )
    .argument('<kid>', 'ID of the key, as `postern keys trusted` prints it')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern keys distrust q0Qc1m4PGHVF2lPrjOVXCwhQjRMTFfBN3_ngDQmwyDI'))
    .action(async (kid: string, { json }: JsonOption) => {
      const { distrustKey } = await import('../imported/trusted-keys.ts')
      const rows = await withServices(({ bus }) => distrustKey(bus, kid))
      const sources = rows.map(({ source }) => `"${source}"`)
      printResult(json, { data: rows }, `No longer trusts key ${kid} for tokens from ${sources.join(' and ')}`)
    })
}

function report(key: Rotation): string {
  const { id, algorithm, outcome } = key
  const name = `Key ${id} (${algorithm})`
  if (outcome === 'signs') return `${name} is now active`
  if (outcome === 'early') return `${name} is now active, but ${COST}`
  const activation = `becomes active at ${time(signsFrom(key) as Date)}`
  if (outcome === 'scheduled') return `${name} is now published and ${activation}`
  return `${name} was already scheduled and ${activation}; use --now to activate it immediately`
}

const STATUS: Record<SigningKey['state'], string> = { next: 'standby', current: 'active', past: 'retired' }

const asTable = (keys: SigningKey[]) =>
  table(
    ['kid', 'algorithm', 'status', 'created', 'active from', 'retired', 'revoked'],
    keys.map(k => [k.id, k.algorithm, STATUS[k.state], k.createdAt, signsFrom(k), k.retiredAt, k.revokedAt]),
  )
