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

/** What was changed here stays: a token that was revoked here is not restored. */
export function createUpdateTokens({ services, report, dryRun }: ImportContext): UpdateTokens {
  const { db, revokeToken } = services

  async function revoke(tokens: KnownToken[]): Promise<void> {
    if (!dryRun) await Promise.all(tokens.map(({ id }) => revokeToken(id)))
    report.count('tokens', 'updated', tokens.length)
  }

  async function noteUse(uses: { id: string; at: Date }[]): Promise<void> {
    if (uses.length === 0) return
    if (!dryRun) await queryByIndex(db, SET_LAST_USED, [JSON.stringify(uses)])
    report.count('tokens', 'updated', uses.length)
  }

  return async (drafts, known) => {
    const pairs = drafts.flatMap(draft => {
      const token = known.get(draft.sourceId)
      return token && !token.revoked ? [{ draft, token }] : []
    })
    await revoke(pairs.filter(({ draft }) => draft.revoked).map(({ token }) => token))
    const used = pairs.filter(({ draft, token }) => !draft.revoked && isLater(draft.lastUsedAt, token.lastUsedAt))
    await noteUse(used.map(({ draft, token }) => ({ id: token.id, at: draft.lastUsedAt as Date })))
  }
}

const isLater = (one: Date | null, other: Date | null) => one !== null && (other === null || one > other)
