import { type Command, Option } from 'commander'
import { ALGORITHMS, type Algorithm } from '../config.ts'
import type { SigningKey } from '../keys/key.entity.ts'
import type { Rotation } from '../keys/rotation.ts'
import { JWKS_MAX_AGE, signsFrom } from '../keys/schedule.ts'
import { withHouse } from './house.ts'
import { examples, JSON_OPTION, type JsonOption } from './options.ts'
import { answer, table, time } from './output.ts'

interface RotateOptions extends JsonOption {
  algorithm?: Algorithm
  now?: boolean
}

const COST = `verifiers that cache the JWK Set may refuse new tokens for up to ${JWKS_MAX_AGE / 60} minutes`

export function keyCommands(postern: Command): void {
  const keys = postern.command('keys').description('List and rotate the signing keys.')

  keys
    .command('list')
    .description('List the keys, oldest first: past ones, the current one that signs, and the next one.')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern keys list'))
    .action(async ({ json }: JsonOption) => {
      const rows = await withHouse(house => house.keys.list(), 'read')
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
      const key = await withHouse(house => house.keys.rotate(algorithm, { now }))
      const { toKey } = await import('../admin/schemas.ts')
      answer(json, { data: toKey(key) }, report(key))
    })
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
    ['kid', 'algorithm', 'state', 'created', 'signs from', 'retired'],
    keys.map(k => [k.id, k.algorithm, k.state, k.createdAt, signsFrom(k), k.retiredAt]),
  )
