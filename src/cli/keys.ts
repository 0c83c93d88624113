import { type Command, Option } from 'commander'
import { ALGORITHMS, type Algorithm } from '../config/config.ts'
import type { SigningKey } from '../keys/key.entity.ts'
import type { Rotation } from '../keys/rotation.ts'
import { JWKS_MAX_AGE, signsFrom } from '../keys/schedule.ts'
import type { Services } from '../services.ts'
import { examples, idArgument, JSON_OPTION, type JsonOption } from './options.ts'
import { answer, table, time } from './output.ts'
import { withBareServices, withServices } from './services.ts'

interface RotateOptions extends JsonOption {
  algorithm?: Algorithm
  now?: boolean
}

const COST = `verifiers that cache the JWK Set may reject new tokens for up to ${JWKS_MAX_AGE / 60} minutes`

export function keyCommands(postern: Command): void {
  const keys = postern.command('keys').description('List, rotate and revoke the signing keys.')

  keys
    .command('list')
    .description('List the keys, oldest first: retired keys, the active key and the standby key.')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern keys list'))
    .action(async ({ json }: JsonOption) => {
      const rows = await withServices(services => services.keys.list(), 'read')
      const { toKey } = await import('../admin/schemas.ts')
      answer(json, { data: rows.map(toKey) }, asTable(rows))
    })

  keys
    .command('rotate')
    .description(
      'Activate the next key as soon as every cached JWK Set contains it. ' +
        'Tokens signed with the current key stay valid.',
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
      answer(json, { data: toKey(key) }, report(key))
    })

  keys
    .command('revoke')
    .description(
      'Revoke a key that may have been stolen. It is removed from the JWK Set immediately and from guards that follow ' +
        'the event feed within a second, and tokens signed with it are rejected everywhere. If it is the active key, the ' +
        'next key replaces it immediately. This cannot be undone.',
    )
    .argument('<kid>', 'ID of the key', idArgument)
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern keys revoke 01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a13'))
    .action(async (kid: string, { json }: JsonOption) => {
      const { revokeKey } = await import('../admin/revoke-key.ts')
      const { toKey } = await import('../admin/schemas.ts')
      const { key, tokens } = await withTamperedKeys(services => revokeKey(services, kid))
      const { count: revoked, complete } = tokens
      const text =
        `Revoked key ${key.id} (${key.algorithm}) and ${revoked} ${revoked === 1 ? 'token' : 'tokens'}.\n` +
        `List the tokens: GET /admin/tokens?key_id=${key.id}&state=all`
      answer(json, { data: toKey(key), tokens: { revoked, complete } }, text)
    })
}

/** Other commands fail while a key row has been tampered with. This one has to work, since it revokes such a key. */
function withTamperedKeys<T>(work: (services: Services) => Promise<T>): Promise<T> {
  const ready = async (services: Services) => {
    const { requireMigrated } = await import('../database/migrations.ts')
    await requireMigrated(services.db, true)
    return work(services)
  }
  return withBareServices(ready, { access: 'change' })
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
