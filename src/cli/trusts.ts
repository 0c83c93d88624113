import type { Command } from 'commander'
import type { TrustSettings } from '../trusts/rules.ts'
import type { Trust } from '../trusts/trust.entity.ts'
import { UsageError } from './errors.ts'
import { durationOption, examples, idArgument, JSON_OPTION, type JsonOption } from './options.ts'
import { printable, printResult, table } from './output.ts'
import { everyRow, withServices } from './services.ts'
import { findUser } from './users.ts'

interface AddOptions extends JsonOption {
  issuer: string
  match: string[]
  pin?: string[]
  audience?: string
  jwksUri?: string
  name?: string
  user?: string
  client?: string
  scope: string[]
  lifetime?: number
}

export function trustCommands(postern: Command): void {
  const trusts = postern
    .command('trusts')
    .description('Manage which workloads, such as CI jobs, get tokens without a stored secret.')

  trusts
    .command('add')
    .description('Trust a workload: its OpenID Connect token is exchanged for a token with these scopes.')
    .requiredOption('--issuer <url>', 'issuer of its tokens, such as https://token.actions.githubusercontent.com')
    .requiredOption(
      '--match <claim=value>',
      'claim that it must have; * stands for any characters but a colon; repeatable',
      collect,
    )
    .requiredOption('--scope <scope...>', 'scopes of the token that it gets')
    .option('--user <user>', 'whose tokens it gets: e-mail address or ID')
    .option('--client <id>', 'or the app whose tokens it gets', idArgument)
    .option('--pin <claim>', 'claim whose value is fixed at the first use; repeatable', collect)
    .option('--audience <audience>', 'audience of its tokens (default: ISSUER)')
    .option('--jwks-uri <url>', 'key set of an issuer without discovery')
    .option('--lifetime <duration>', 'lifetime of the token, at most 1h (default: 15m)', durationOption)
    .option('--name <name>', 'name of the trust (default: the value of its first claim)')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      examples(
        'postern trusts add --issuer https://gitlab.com --match project_path=acme/shop --match ref_protected=true --pin project_id --user ci@example.com --scope orders:read',
      ),
    )
    .action(add)

  trusts
    .command('list')
    .description('List the trusts, oldest first.')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern trusts list'))
    .action(list)

  trusts
    .command('remove')
    .description('Remove a trust, and revoke the tokens that it issued.')
    .argument('<id>', 'ID of the trust', idArgument)
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern trusts remove 01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a14'))
    .action(remove)
}

const collect = (value: string, values: string[] = []) => [...values, value]

/** @throws UsageError */
function toMatch(pairs: readonly string[]): Record<string, string> {
  const match: Record<string, string> = {}
  for (const pair of pairs) {
    const [, claim, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? []
    if (claim === undefined || value === undefined) throw new UsageError(`--match ${pair} must be claim=value.`)
    if (Object.hasOwn(match, claim)) throw new UsageError(`--match names ${claim} more than once.`)
    match[claim] = value
  }
  return match
}

async function add({ match, user: who, client: clientId, scope: scopes, json, ...same }: AddOptions): Promise<void> {
  const settings: TrustSettings = { ...same, clientId, scopes, match: toMatch(match) }
  const trust = await withServices(async services => {
    const userId = who === undefined ? undefined : (await findUser(services, who)).id
    return services.trusts.create({ ...settings, userId })
  })
  const { toTrust } = await import('../trusts/schemas.ts')
  printResult(json, { data: toTrust(trust) }, `Added ${printable(trust.name)}; ID ${trust.id}`)
}

async function list({ json }: JsonOption): Promise<void> {
  const trusts = await withServices(services => everyRow(page => services.trusts.list(page)), 'read')
  const { toTrust } = await import('../trusts/schemas.ts')
  const headings = ['id', 'name', 'issuer', 'claims', 'scopes', 'pinned']
  const rows = trusts.map(t => [
    t.id,
    t.name,
    t.issuer,
    claimsOf(t),
    t.scopes.join(' '),
    t.pin.length > 0 ? t.pinned !== null : null,
  ])
  printResult(json, { data: trusts.map(toTrust) }, table(headings, rows))
}

const claimsOf = ({ match }: Trust) =>
  Object.entries(match)
    .map(([name, pattern]) => `${name}=${pattern}`)
    .join(' ')

async function remove(id: string, { json }: JsonOption): Promise<void> {
  const { trust, revoked } = await withServices(services => services.trusts.remove(id))
  const { toTrust } = await import('../trusts/schemas.ts')
  const tokens = revoked === 1 ? '1 token was revoked' : `${revoked} tokens were revoked`
  printResult(json, { data: toTrust(trust), revoked }, `Removed ${printable(trust.name)}; ${tokens}`)
}
