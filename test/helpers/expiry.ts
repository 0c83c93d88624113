import type { Database } from '../../src/database/database.ts'

/** Ends the time of rows: a second ago, so that it is over by the clock of the database and by ours. */
export const expire = (db: Database, table: string, where: string, values: readonly unknown[]) =>
  db.query(`update ${table} set expires_at = now() - make_interval(secs => 1) where ${where}`, values)
