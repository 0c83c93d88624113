import { type Command, Option } from 'commander'
import type { AuditEvent } from '../audit/event.entity.ts'
import { EVENT_KINDS, type EventKind } from '../audit/event-kinds.ts'
import { countOption, examples, idArgument, JSON_OPTION, type JsonOption } from './options.ts'
import { answer, table } from './output.ts'
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
    .description('Show the audit log, newest first: who did what, to whom, with what and from where.')
    .addOption(new Option('--kind <kind>', 'only events of this kind').choices([...EVENT_KINDS]))
    .option('--user <user>', 'only what was done to or by this user: e-mail address or id')
    .option('--client <id>', 'only what was done to or by this client', idArgument)
    .option('--token <id>', 'only what was done to or with this token', idArgument)
    .option('--limit <number>', 'how many events', countOption, 50)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      examples('postern audit --kind client.authentication_failed', 'postern audit --user ada@example.com --limit 200'),
    )
    .action(audit)
}

async function audit({ kind, user: who, client: clientId, token: tokenId, limit, json }: Options): Promise<void> {
  const events = await withServices(async services => {
    const userId = who === undefined ? undefined : (await findUser(services, who)).id
    return services.auditLog.list({ kind, userId, clientId, tokenId }, { limit })
  }, 'read')
  const { toEvent } = await import('../admin/schemas.ts')
  const headings = ['at', 'kind', 'user', 'client', 'token', 'by', 'with', 'address', 'user agent']
  answer(json, { data: events.map(toEvent) }, table(headings, events.map(row)))
}

const row = (event: AuditEvent) => [
  event.at,
  event.kind,
  event.userId,
  event.clientId,
  event.tokenId,
  event.actorUserId ?? event.actorClientId,
  event.actorTokenId ?? event.actorSessionId,
  event.address,
  event.details.user_agent as string | undefined,
]
