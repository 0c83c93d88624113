import { type Command, Option } from 'commander'
import type { AuditEvent } from '../audit/event.entity.ts'
import { EVENT_KINDS, type EventKind } from '../audit/event-kinds.ts'
import type { ShowUserId } from '../users/user-ids.ts'
import { countOption, examples, idArgument, JSON_OPTION, type JsonOption } from './options.ts'
import { printResult, table } from './output.ts'
import { withServices } from './services.ts'
import { findUser } from './users.ts'

interface Options extends JsonOption {
  kind?: EventKind
  user?: string
  client?: string
  token?: string
  limit: number
}

export function auditCommand(postern: Command): void {
  postern
    .command('audit')
    .description('Show the audit log, newest first.')
    .addOption(new Option('--kind <kind>', 'only events of this kind').choices([...EVENT_KINDS]))
    .option('--user <user>', 'only events about or by this user: e-mail address or ID')
    .option('--client <id>', 'only events about or by this client', idArgument)
    .option('--token <id>', 'only events about or with this token', idArgument)
    .option('--limit <number>', 'maximum number of events', countOption, 50)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      examples('postern audit --kind client.authentication_failed', 'postern audit --user ada@example.com --limit 200'),
    )
    .action(audit)
}

async function audit({ kind, user: who, client: clientId, token: tokenId, limit, json }: Options): Promise<void> {
  const { events, shown } = await withServices(async services => {
    const userId = who === undefined ? undefined : (await findUser(services, who)).id
    const events = await services.auditLog.list({ kind, userId, clientId, tokenId }, { limit })
    const shown = await services.userIds.shown(events.flatMap(event => [event.userId, event.actorUserId]))
    return { events, shown }
  }, 'read')
  const { toEvent } = await import('../admin/schemas.ts')
  const headings = ['at', 'kind', 'user', 'client', 'token', 'by', 'with', 'address', 'user agent']
  printResult(
    json,
    { data: events.map(event => toEvent(event, shown)) },
    table(
      headings,
      events.map(event => row(event, shown)),
    ),
  )
}

const row = (event: AuditEvent, shown: ShowUserId) => [
  event.at,
  event.kind,
  shown(event.userId),
  event.clientId,
  event.tokenId,
  shown(event.actorUserId) ?? event.actorClientId,
  event.actorTokenId ?? event.actorSessionId,
  event.address,
  event.details.user_agent as string | undefined,
]
