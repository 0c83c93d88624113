import type { Command } from 'commander'
import type { Database } from '../database/database.ts'
import { longestRefreshGrace } from '../grants/refresh-grace.ts'
import type { PruneOptions } from '../tokens/prune.ts'
import { examples, hoursOption, JSON_OPTION, type JsonOption } from './options.ts'
import { printResult } from './output.ts'
import { withServices } from './services.ts'
import { withTokenBar } from './token-bar.ts'

interface Options extends JsonOption {
  revoked?: boolean
  expired?: boolean
  hours: number
  dryRun?: boolean
}

export function pruneCommand(postern: Command): void {
  postern
    .command('prune')
    .description('Delete old revoked and expired tokens and other expired rows, in batches. Servers can keep running.')
    .option('--revoked', 'delete only revoked tokens (default: revoked and expired)')
    .option('--expired', 'delete only expired tokens')
    .option('--hours <hours>', 'minimum time since they were revoked or expired', hoursOption, 168)
    .option('--dry-run', 'count the tokens without deleting them')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern prune', 'postern prune --revoked --hours 24', 'postern prune --dry-run'))
    .action(run)
}

async function run({ revoked = false, expired = false, hours, dryRun = false, json }: Options): Promise<void> {
  const both = !revoked && !expired
  const options = { revoked: revoked || both, expired: expired || both, hours }
  const count = await withServices(
    ({ db, config }) =>
      dryRun ? countTokens(db, options) : deleteTokens(db, { ...options, refreshGrace: longestRefreshGrace(config) }),
    dryRun ? 'read' : 'change',
  )
  const tokens = `${count} ${count === 1 ? 'token' : 'tokens'}`
  printResult(json, { count, dry_run: dryRun }, dryRun ? `${tokens} would be deleted` : `Deleted ${tokens}`)
}

async function countTokens(db: Database, options: PruneOptions): Promise<number> {
  const { countPrunable } = await import('../tokens/prune.ts')
  return countPrunable(db, options)
}

async function deleteTokens(db: Database, options: PruneOptions): Promise<number> {
  const { prune } = await import('../tokens/prune.ts')
  return withTokenBar(
    () => countTokens(db, options),
    onProgress => prune(db, { ...options, ...(onProgress && { onProgress }) }),
  )
}
