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

const COST = `verifiers that cache the JWK Set may refuse new tokens for up to ${JWKS_MAX_AGE / 60} minutes`

export function keyCommands(postern: Command): void {
  const keys = postern.command('keys').description('List, rotate and revoke the signing keys.')

  keys
    .command('list')
    .description('List the keys, oldest first: past ones, the current one that signs, and the next one.')
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
      'Let the next key sign, once it has been published for so long that every cached JWK Set has it. ' +
        'Tokens that the current one signed stay valid.',
    )
    .addOption(
      new Option(
        '--algorithm <name>',
        'algorithm of the key (default: that of a scheduled key, or SIGNING_ALGORITHM)',
      ).choices(ALGORITHMS),
    )
    .option('--now', `sign at once, in an emergency: ${COST}`)
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
      'Withdraw a key that may be in other hands: it leaves the JWK Set at once, guards that follow the events forget it ' +
        'within a second, and what it signed is refused everywhere. If it is the key that signs, the next one signs at ' +
        'once. This cannot be undone.',
    )
    .argument('<kid>', 'id of the key', idArgument)
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern keys revoke 01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a13'))
    .action(async (kid: string, { json }: JsonOption) => {
      const { revokeKey } = await import('../admin/revoke-key.ts')
      const { toKey } = await import('../admin/schemas.ts')
      const { key, tokens } = await withTamperedKeys(services => revokeKey(services, kid))
      const { count: revoked, complete } = tokens
      const text =
        `Key ${key.id} (${key.algorithm}) is revoked, and with it ${revoked} ${revoked === 1 ? 'token' : 'tokens'}.\n` +
        `To list them: GET /admin/tokens?key_id=${key.id}&state=all`
      answer(json, { data: toKey(key), tokens: { revoked, complete } }, text)
    })
}

/** A row that was tampered with stops every other start; this is the way to withdraw it. */
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
  if (outcome === 'signs') return `${name} signs from now on`
  if (outcome === 'early') return `${name} signs from now on, but ${COST}`
  const from = `signs from ${time(signsFrom(key) as Date)} on`
  if (outcome === 'scheduled') return `${name} is published now and ${from}`
  return `${name} was scheduled before and ${from}; with --now it signs at once`
}

const asTable = (keys: SigningKey[]) =>
  table(
    ['kid', 'algorithm', 'state', 'created', 'signs from', 'retired', 'revoked'],
    keys.map(k => [k.id, k.algorithm, k.state, k.createdAt, signsFrom(k), k.retiredAt, k.revokedAt]),
  )
