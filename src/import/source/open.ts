import type { Source } from './source.ts'
import type { Dialect } from './survey.ts'

/** A row as `{"table": "users", "row": {…}}`. */
const NDJSON = /\.(nd)?jsonl?(\.gz)?$/

/**
 * Opens the database or the file that tokens are imported from.
 * @param from `mysql://…`, `postgres://…`, or the path of a dump by `mysqldump` or `pg_dump`, or of rows in NDJSON
 * @param dialect the system that wrote a dump; undefined: as it says
 * @throws StartupError when it cannot be read, or a dump is incomplete
 */
export async function openSource(from: string, dialect?: Dialect): Promise<Source> {
  if (/^(mysql|mariadb):\/\//.test(from)) return (await import('./mysql.ts')).openMysql(from)
  if (/^postgres(ql)?:\/\//.test(from)) return (await import('./postgres.ts')).openPostgres(from)
  if (NDJSON.test(from)) return (await import('./ndjson.ts')).openNdjson(from)
  return (await import('./dump.ts')).openDump(from, dialect)
}
