import type { DisplayNames } from '../../admin/display-names.ts'
import type { AuditEvent } from '../../audit/event.entity.ts'
import type { AuditFilter, AuditLog } from '../../audit/log.ts'

export interface AuditCsvOptions {
  auditLog: AuditLog
  displayNames: DisplayNames
}

const COLUMNS = [
  'id',
  'time',
  'event',
  'user_id',
  'user',
  'client_id',
  'app',
  'token_id',
  'actor_user_id',
  'actor',
  'actor_client_id',
  'actor_app',
  'actor_token_id',
  'actor_session_id',
  'address',
  'details',
] as const
const PAGE = 500
/** Newer events only: a spreadsheet of more is better made by the API. */
const MAX_EVENTS = 10_000

/** The events that match, newest first, as CSV (RFC 4180). */
export async function auditCsv(options: AuditCsvOptions, filter: AuditFilter): Promise<string> {
  const lines = [COLUMNS.join(',')]
  let after: string | undefined
  while (lines.length <= MAX_EVENTS) {
    const events = await options.auditLog.list(filter, { limit: PAGE, after })
    lines.push(...(await toLines(options, events)))
    after = events.at(-1)?.id
    if (events.length < PAGE) break
  }
  return `${lines.join('\r\n')}\r\n`
}

async function toLines({ displayNames }: AuditCsvOptions, events: readonly AuditEvent[]): Promise<string[]> {
  const people = await displayNames.users(events.flatMap(({ userId, actorUserId }) => [userId, actorUserId]))
  const apps = await displayNames.clients(events.flatMap(({ clientId, actorClientId }) => [clientId, actorClientId]))
  return events.map(event => {
    const cells = [
      event.id,
      event.at.toISOString(),
      event.kind,
      event.userId,
      people.get(event.userId ?? '')?.name,
      event.clientId,
      apps.get(event.clientId ?? ''),
      event.tokenId,
      event.actorUserId,
      people.get(event.actorUserId ?? '')?.name,
      event.actorClientId,
      apps.get(event.actorClientId ?? ''),
      event.actorTokenId,
      event.actorSessionId,
      event.address,
      JSON.stringify(event.details),
    ]
    return cells.map(toCell).join(',')
  })
}

/** A cell that a spreadsheet takes for a formula begins with an apostrophe (OWASP, CSV injection). */
function toCell(value: string | null | undefined): string {
  const text = value ?? ''
  const safe = /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text
  return `"${safe.replaceAll('"', '""')}"`
}
