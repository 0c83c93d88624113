import { chosenAppKey, loadConfig } from '../config/config.ts'
import { requireAppKey } from '../dump/app-key.ts'
import { withFile } from '../dump/file.ts'
import { loadDump } from '../dump/load.ts'
import { type Dump, readDump, verifyDump } from '../dump/read.ts'
import { openDatabase } from '../open-database.ts'
import { restoreEmbedded } from './restore-embedded.ts'

/** One connection loads rows while another one migrates. */
const CONNECTIONS = 2

/**
 * Restores a dump into the configured database.
 * @param file see `withFile`
 * @returns how many rows, and when the dump was written
 * @throws StartupError when the database is not empty, the key does not match, or the file is incomplete
 */
export async function restoreFrom(file: string): Promise<{ rows: number; createdAt: string }> {
  // A file can be read twice, so it is verified before anything is created.
  if (file !== '-') await withFile(file, verifyDump)
  return withFile(file, async source => {
    const dump = await readDump(source)
    const config = loadConfig(process.env, {}, { create: false })
    const rows = config.databaseUrl
      ? await restoreShared(dump, config)
      : await restoreEmbedded(config.dataDir, dump, chosenAppKey())
    return { rows, createdAt: dump.header.created_at }
  })
}

async function restoreShared(dump: Dump, config: ReturnType<typeof loadConfig>): Promise<number> {
  requireAppKey(dump.header, [config.appKey, ...config.appKeyPrevious])
  const db = await openDatabase({
    ...config,
    databasePoolSize: Math.max(CONNECTIONS, config.databasePoolSize),
    databaseTimeout: 0,
  })
  return loadDump(db, dump).finally(() => db.close())
}
