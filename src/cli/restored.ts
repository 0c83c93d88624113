import { type Command, Option } from 'commander'
import type { CollectionWindow } from '../deployment/restoration.ts'
import type { CollectionState } from '../dump/collect.ts'
import type { RestoredState } from '../dump/declare-restored.ts'
import { UsageError } from './errors.ts'
import { durationOption, examples, idArgument, JSON_OPTION, type JsonOption } from './options.ts'
import { printable, printResult } from './output.ts'

export interface CollectOptions {
  /** Seconds. */
  collect?: number
  collectFrom?: string[]
}

interface RestoredOptions extends JsonOption, CollectOptions {
  check?: boolean
  reopen?: boolean
  close?: boolean
}

const COLLECT = new Option(
  '--collect [duration]',
  'let resource servers report, for so long, the revocations that the backup lacks (default: 1h)',
)

/** Adds the options of a command after which resource servers may report lost revocations. */
export function collectOptions(command: Command): Command {
  return command
    .addOption(COLLECT.preset('1h').argParser(durationOption))
    .option(
      '--collect-from <client-id...>',
      'only from these clients (default: all confidential clients with an audience)',
      (id: string, ids: string[] = []) => [...ids, idArgument(id).toLowerCase()],
    )
}

/** @returns undefined: nothing is to be collected. @throws UsageError for clients without a duration */
export function windowOf({ collect, collectFrom = [] }: CollectOptions): CollectionWindow | undefined {
  if (collect !== undefined) return { seconds: collect, clients: collectFrom.length > 0 ? collectFrom : null }
  if (collectFrom.length > 0) throw new UsageError('--collect-from needs --collect.')
  return undefined
}

/** `postern restore` does this itself; a backup of other tools does not. */
export function restoredCommand(postern: Command): void {
  collectOptions(postern.command('restored'))
    .description(
      'Declare that other tools restored this database, such as pg_restore or a copy of DATA_DIR, before the first server ' +
        'starts on it. Status indexes and sequence numbers that were assigned after the backup are not assigned again.',
    )
    .option('--reopen', 'do not declare it again, and collect for the last declaration, also while servers run')
    .option('--close', 'stop collecting, also while servers run')
    .option('--check', 'change nothing, and show how old the database is and what was recovered')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      examples(
        'postern restored --check',
        'postern restored --collect',
        'postern restored --collect 30m --collect-from CLIENT_ID',
        'postern restored --reopen --collect 2h',
      ),
    )
    .action(restored)
}

async function restored(options: RestoredOptions): Promise<void> {
  const { check, reopen, close, json } = options
  const window = windowOf(options)
  if ([check, close, window].filter(Boolean).length > 1) throw new UsageError('Use --check, --close or --collect.')
  if (reopen && !window) throw new UsageError('--reopen needs --collect.')
  const declares = !(check || close || reopen)
  const { declareRestored, restoredState } = await import('../dump/declare-restored.ts')
  const { collectionState, reopenCollection } = await import('../dump/collect.ts')
  const { closeCollection } = await import('../deployment/restoration.ts')
  const { withServices } = await import('./services.ts')
  const { state, collection } = await withServices(
    async ({ db }) => {
      if (close) await closeCollection(db)
      if (reopen && window) await reopenCollection(db, window)
      const state = declares ? await declareRestored(db, window) : await restoredState(db)
      return { state, collection: await collectionState(db) }
    },
    check ? 'read' : 'change',
  )
  const data = { last_audit_event: state.lastAudit, last_token: state.lastToken, open_lists: state.openLists }
  const text = [...restoredText(state), ...(collection ? collectionText(collection) : [])].join('\n')
  printResult(json, { ...data, declared: declares, ...(collection && { collection: toJson(collection) }) }, text)
}

const toJson = ({ declaredAt, until, isOpen, clients, recovered }: CollectionState) => ({
  declared_at: declaredAt,
  open: isOpen,
  until,
  clients,
  recovered: recovered.map(({ clientId, name, count }) => ({ client_id: clientId, name, revocations: count })),
})

const restoredText = ({ lastAudit, lastToken, openLists }: RestoredState) => [
  `The last change in this database was at ${lastAudit ?? 'an unknown time'}, and its last token was issued at ${lastToken ?? 'an unknown time'}.`,
  'Changes made after that are lost. Repeat the revocations; see docs/backup-and-restore.md.',
  `${openLists} status lists have unassigned indexes, which tokens issued after the backup may use.`,
]

function collectionText({ declaredAt, until, isOpen, clients, recovered }: CollectionState): string[] {
  const sum = recovered.reduce((total, { count }) => total + count, 0)
  const from = clients === null ? 'all confidential clients with an audience' : clients.join(', ')
  const window = until === null ? 'Revocations were never collected' : `Revocations were collected until ${until}`
  return [
    '',
    `A restore was declared at ${declaredAt}. Recovered since: ${sum} revocations.`,
    ...recovered.map(({ clientId, name, count }) => `  ${count} from ${clientId} ${printable(name ?? '')}`.trimEnd()),
    isOpen
      ? `Revocations are collected until ${until}, from ${from}.`
      : `${window}. Again: postern restored --reopen --collect`,
    UNKNOWN,
  ]
}

const UNKNOWN = `What cannot be known:
- revocations that no running guard knows: it was restarted or unreachable, has no client, or had not loaded the list of the token
- tokens issued since the backup: this database does not know them
- changes of users, clients, passwords, secrets, keys, sessions, consents and refresh tokens: only access tokens have a status`
