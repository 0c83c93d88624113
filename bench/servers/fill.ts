import type pg from 'pg'

const TABLE = 'oauth_access_tokens'

export interface FillOptions {
  /** Fraction of randomly chosen rows that are revoked; default: none. */
  revoked?: number
  /** Fraction of randomly chosen rows that have expired; default: none. */
  expired?: number
}

/** SQL of the columns that differ between rows; `i` is a counter, `t` the template row. Other columns are copied. */
const DIFFERENT: Record<string, string> = {
  // UUIDv7: the milliseconds of `created_at`, then random bits.
  id: `(lpad(to_hex((extract(epoch from r.created_at) * 1000)::bigint), 12, '0')
        || '7' || substr(r.chance, 1, 3) || 'a' || substr(r.chance, 4, 15))::uuid`,
  user_id: '(array(select id from users))[1 + i % (select count(*) from users)]',
  name: `'bench ' || i`,
  format: `case when i % 5 = 0 then 'opaque' else 'jwt' end`,
  hash: `case when i % 5 = 0 then sha256(convert_to('bench ' || i, 'utf8')) end`,
  status_index: 'i % 1048576',
  status_list: 't.status_list + (i / 1048576)',
  created_at: 'r.created_at',
  updated_at: 'r.created_at',
  expires_at: 'r.expires_at',
  revoked: 'r.revoked',
}

/** One list per 2^20 rows, after the list of the template row, unless it exists. All lists are marked as full. */
const LISTS = `
  with full_up as (update oauth_status_lists set reserved = size)
  insert into oauth_status_lists (id, size, reserved, created_at, expires_at)
  select id + i, size, size, created_at, expires_at from oauth_status_lists, generate_series(1, $1) i
  where id = (select min(status_list) from ${TABLE}) on conflict (id) do nothing`
const NEXT_LIST = `select setval(pg_get_serial_sequence('oauth_status_lists', 'id'), max(id)) from oauth_status_lists`

/**
 * Fills the table like a year of issuing: ids in chronological order, one opaque token in five, expiry times distributed
 * evenly over a year in random order.
 * @param client a superuser's connection to a database with at least one token, whose row is the template
 */
export async function fill(client: pg.Client, rows: number, options: FillOptions = {}): Promise<void> {
  const { revoked = 0, expired = 0 } = options
  // The rows satisfy the foreign keys by construction; checking each would take longer than everything else.
  await client.query(`set session_replication_role = replica; set maintenance_work_mem = '256MB'`)
  const indexes = await dropIndexes(client)
  const columns = await columnsOf(client)
  await client.query(`
    insert into ${TABLE} (${columns.join(', ')})
    select ${columns.map(column => DIFFERENT[column] ?? `t.${column}`).join(', ')}
    from (select * from ${TABLE} limit 1) t, generate_series(1, ${rows}) i, lateral (
      select now() - interval '365 days' + interval '365 days' * (i::float8 / ${rows}) as created_at,
        now() + interval '1 day' + (random() - ${expired}) * interval '365 days' as expires_at,
        random() < ${revoked} as revoked, md5(random()::text || i) as chance
    ) r`)
  await client.query(LISTS, [Math.floor(rows / 1_048_576)])
  await client.query(NEXT_LIST)
  for (const definition of indexes) await client.query(definition)
  await client.query(`vacuum analyze ${TABLE}`)
  await client.query('checkpoint')
}

/** Drops the indexes, since rebuilding them at the end is several times faster than updating them for each row. */
async function dropIndexes(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query(
    `select indexrelid::regclass as name, pg_get_indexdef(indexrelid) as definition from pg_index i
     where indrelid = '${TABLE}'::regclass and not exists (select from pg_constraint where conindid = i.indexrelid)`,
  )
  for (const { name } of rows) await client.query(`drop index ${name}`)
  return rows.map(row => row.definition)
}

async function columnsOf(client: pg.Client): Promise<string[]> {
  const { fields } = await client.query(`select * from ${TABLE} limit 0`)
  return fields.map(field => field.name)
}
