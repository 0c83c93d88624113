import type { Database } from '../database/database.ts'
import { appliedMigrations, knownMigrations } from '../database/migrations.ts'
import type { SigningKey } from '../keys/key.entity.ts'
import type { Keys } from '../keys/keys.ts'
import { signsFrom } from '../keys/schedule.ts'
import { type Check, failed, ok, skipped, warning } from './finding.ts'

/** What needs the open database. */
export interface Opened {
  db: Database
  keys: Keys
}

const DAY_MS = 86_400_000
/** Days after which a signing key should be replaced. */
const KEY_DAYS = 365

/** Whether the database has the tables of this version. */
export function migrationsCheck(opened: Opened | undefined, closed: string): Check {
  return {
    name: 'migrations',
    remedy: 'Run: npx postern migrate',
    async run() {
      if (!opened) return skipped(closed)
      const { db } = opened
      const applied = new Set(await appliedMigrations(db.query))
      const known = knownMigrations(db)
      const missing = known.filter(name => !applied.has(name))
      if (missing.length === 0) return ok(`All ${known.length} migrations are applied.`)
      if (db.embedded) return ok(`The next start applies ${missing.length} migrations.`)
      return failed(`The database lacks ${missing.length} migrations.`, 'Run: npx postern migrate')
    },
  }
}

/** Whether the keys can be decrypted, and how old the current one is. */
export function keysCheck(opened: Opened | undefined, closed: string): Check {
  return {
    name: 'keys',
    remedy: 'Set APP_KEY to the key that this database was created with, and run: npx postern migrate',
    async run() {
      if (!opened) return skipped(closed)
      await opened.keys.load()
      const rows = await opened.keys.list()
      const current = rows.filter(row => isCurrent(row)).at(-1)
      if (!current) return skipped('There are no signing keys yet: the first start creates them.')
      const days = Math.floor((Date.now() - (signsFrom(current) ?? current.createdAt).getTime()) / DAY_MS)
      const message = `The active key has been in use for ${days} days.`
      return days > KEY_DAYS ? warning(message, 'Replace it: npx postern keys rotate') : ok(message)
    },
  }
}

const isCurrent = (row: SigningKey) => row.state === 'current'

/** Whether somebody has replaced the password that the first start printed. */
export function administratorCheck(opened: Opened | undefined, closed: string): Check {
  return {
    name: 'administrator',
    remedy: 'Run: npx postern migrate',
    async run() {
      if (!opened) return skipped(closed)
      const rows = await opened.db.query(
        "select 1 from users where role = 'admin' and must_change_password and created_at < now() - interval '1 hour'",
      )
      if (rows.length === 0) return ok('No administrator has the password that a start printed.')
      return warning(
        'An administrator still has the password that the first start printed to the log.',
        'Sign in and change it, or: npx postern user set-password',
      )
    },
  }
}
