import type { Services } from '../../src/services.ts'

/** Makes copies of a token of the same millisecond, each with a place of its own in the status list, behind `first`. */
export async function copyToken({ db }: Services, id: string, copies: number, first = 500_000): Promise<void> {
  const fields = await db.query<{ name: string }>(
    `select column_name as name from information_schema.columns where table_name = 'oauth_access_tokens'
      and column_name not in ('id', 'status_index', 'hash') and table_schema = current_schema()`,
  )
  const names = fields.map(({ name }) => name).join(', ')
  await db.query(
    `insert into oauth_access_tokens (id, status_index, ${names}) select (left(id::text, 15) || substr(gen_random_uuid()::text, 16))::uuid, n + ${first}, ${names}
      from oauth_access_tokens, generate_series(1, ${copies}) as n where id = ?`,
    [id],
  )
}
