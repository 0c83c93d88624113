import { type Command, Option } from 'commander'
import { ALGORITHMS, type Algorithm } from '../config.ts'
import type { SigningKey } from '../keys/key.entity.ts'
import { withHouse } from './house.ts'
import { examples, JSON_OPTION, type JsonOption } from './options.ts'
import { answer, table } from './output.ts'

interface RotateOptions extends JsonOption {
  algorithm?: Algorithm
}

export function keyCommands(postern: Command): void {
  const keys = postern.command('keys').description('List and rotate the signing keys.')

  keys
    .command('list')
    .description('List the keys, oldest first: past ones, the current one that signs, and the next one.')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern keys list'))
    .action(async ({ json }: JsonOption) => {
      const rows = await withHouse(house => house.keys.list())
      const { toKey } = await import('../admin/schemas.ts')
      answer(json, { data: rows.map(toKey) }, asTable(rows))
    })

  keys
    .command('rotate')
    .description('Let the next key sign from now on. Tokens that the current one signed stay valid.')
    .addOption(
      new Option('--algorithm <name>', 'algorithm of the key (default: SIGNING_ALGORITHM)').choices(ALGORITHMS),
    )
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern keys rotate', 'postern keys rotate --algorithm EdDSA'))
    .action(async ({ algorithm, json }: RotateOptions) => {
      const key = await withHouse(house => house.keys.rotate(algorithm))
      const { toKey } = await import('../admin/schemas.ts')
      answer(json, { data: toKey(key) }, `Key ${key.id} (${key.algorithm}) signs from now on`)
    })
}

const asTable = (keys: SigningKey[]) =>
  table(
    ['kid', 'algorithm', 'state', 'created', 'activated', 'retired'],
    keys.map(k => [k.id, k.algorithm, k.state, k.createdAt, k.activatedAt, k.retiredAt]),
  )
