import { queryByIndex } from './by-index.ts'
import type { ImportContext } from './context.ts'
import type { TokenDraft } from './drafts.ts'
import type { KnownToken } from './known-tokens.ts'

/** Updates tokens that were imported before: they were used or revoked in the source since. */
export type UpdateTokens = (
  drafts: readonly TokenDraft[],
  known: ReadonlyMap<string, KnownToken | undefined>,
) => Promise<void>

const SET_LAST_USED = `
  update oauth_access_tokens t set last_used_at = a.at
  from jsonb_to_recordset(?::jsonb) as a (id uuid, at timestamptz)
  where t.id = a.id and (t.last_used_at is null or t.last_used_at < a.at)
  returning t.id`

/** Of a token that was imported when its audience was not: every API accepts it. */
const SET_AUDIENCE = `
  update oauth_access_tokens t set audience = a.audience
  from jsonb_to_recordset(?::jsonb) as a (id uuid, audience text)
  where t.id = a.id and t.audience is null and t.hash is not null
  returning t.id`

/** What was changed here stays: a token that was revoked here is not restored. */
export function createUpdateTokens({ services, report, dryRun }: ImportContext): UpdateTokens {
  const { bus, db, revokeToken } = services

  async function revoke(tokens: KnownToken[]): Promise<void> {
    if (!dryRun) await Promise.all(tokens.map(({ id }) => revokeToken(id)))
    report.count('tokens', 'updated', tokens.length)
  }

  async function noteUse(uses: { id: string; at: Date }[]): Promise<void> {
    if (uses.length === 0) return
    if (!dryRun) await queryByIndex(db, SET_LAST_USED, [JSON.stringify(uses)])
    report.count('tokens', 'updated', uses.length)
  }

  async function limit(tokens: { id: string; audience: string }[]): Promise<void> {
    if (dryRun || tokens.length === 0) return
    const limited = await bus.transaction(async (em, publish) => {
      const rows = (await em.execute(SET_AUDIENCE, [JSON.stringify(tokens)])) as { id: string }[]
      for (const { id } of rows) publish({ kind: 'token', id })
      return rows
    })
    report.count('tokens', 'updated', limited.length)
  }

  return async (drafts, known) => {
    const pairs = drafts.flatMap(draft => {
      const token = known.get(draft.sourceId)
      return token && !token.revoked ? [{ draft, token }] : []
    })
    await limit(
      pairs.flatMap(({ draft, token }) => (draft.audience ? [{ id: token.id, audience: draft.audience }] : [])),
    )
    await revoke(pairs.filter(({ draft }) => draft.revoked).map(({ token }) => token))
    const used = pairs.filter(({ draft, token }) => !draft.revoked && isLater(draft.lastUsedAt, token.lastUsedAt))
    await noteUse(used.map(({ draft, token }) => ({ id: token.id, at: draft.lastUsedAt as Date })))
  }
}

const isLater = (one: Date | null, other: Date | null) => one !== null && (other === null || one > other)
