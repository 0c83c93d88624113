import { readStoredAppKey } from '../config/app-key.ts'
import { chosenAppKey, loadConfig } from '../config/config.ts'
import { startEmbedded } from '../database/embedded/embedded.ts'
import { writeFile } from '../dump/file.ts'
import { writeDump } from '../dump/write.ts'
import { StartupError } from '../errors/errors.ts'
import { chooseActiveKey } from '../keys/active-app-key.ts'
import { openDatabase } from '../open-database.ts'
import { createKeyRing } from '../security/key-ring.ts'

/**
 * Dumps the configured database.
 * @param file see `writeFile`
 * @throws StartupError when there is no database, a server holds it, or the file cannot be written
 */
export async function dumpTo(file: string, version: string): Promise<{ rows: number; withKey: boolean }> {
  const config = loadConfig(process.env, {}, { create: false })
  const { databaseUrl, dataDir } = config
  const embedded = databaseUrl ? undefined : startEmbedded(dataDir, { mustExist: true })
  try {
    const stored = embedded && readStoredAppKey(dataDir)
    if (embedded && !stored && !chosenAppKey()) throw noKey(dataDir)
    const db = await openDatabase({ ...config, databaseTimeout: 0, embedded })
    try {
      const ring = createKeyRing(config.appKey, config.appKeyPrevious)
      await chooseActiveKey(db, ring)
      const appKey = ring.active.text
      const withKey = stored === appKey
      const rows = await writeFile(file, write => writeDump(db, write, { version, appKey, withKey }))
      return { rows, withKey }
    } finally {
      await db.close()
    }
  } finally {
    await embedded?.release()
  }
}

const noKey = (dataDir: string) =>
  new StartupError(`There is no app.key in ${dataDir}, and APP_KEY is not set. Set it to the key of this database.`)
