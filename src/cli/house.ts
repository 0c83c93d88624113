import type { House } from '../house.ts'

/**
 * Opens the house for one piece of work and closes it again. The rooms are loaded here, so that `--help` and wrong usage
 * need not wait for them.
 * @throws StartupError when another process holds the embedded database, or a shared one is away or not migrated
 */
export function withHouse<T>(work: (house: House) => Promise<T>): Promise<T> {
  return withBareHouse(async house => {
    const { requireMigrated } = await import('../migrations.ts')
    await requireMigrated(house.db)
    await house.ensure()
    return work(house)
  })
}

/**
 * As `withHouse`, with a database that may lack its tables.
 * @param connections at least so many, where the database is shared
 */
export async function withBareHouse<T>(work: (house: House) => Promise<T>, connections = 1): Promise<T> {
  const { chosenScopesFile, loadConfig } = await import('../config.ts')
  const { commandCatalogue, readDeployment, settleCommand } = await import('../deployment/deployment.ts')
  const { startEmbedded } = await import('../embedded/embedded.ts')
  const given = loadConfig()
  // It opens on a thread of its own while the rest is loaded.
  const embedded = given.databaseUrl ? undefined : startEmbedded(given.dataDir)
  const [{ openDatabase }, { openHouse }] = await Promise.all([import('../database.ts'), import('../house.ts')])
  const databasePoolSize = Math.max(connections, given.databasePoolSize)
  // Whoever gave a command waits for it as long as they like.
  const db = await openDatabase({ ...given, databasePoolSize, databaseTimeout: 0, embedded })
  let house: House | undefined
  try {
    const stored = await readDeployment(db)
    const config = settleCommand(given, stored, process.env)
    house = await openHouse({ config, catalogue: commandCatalogue(stored, chosenScopesFile(), process.env), db })
    return await work(house)
  } finally {
    await (house ?? db).close()
  }
}

const PAGE = 1_000

/** All rows of a list that comes in pages. */
export async function everyRow<Row extends { id: string }>(
  list: (page: { limit: number; after?: string }) => Promise<Row[]>,
): Promise<Row[]> {
  const rows = await list({ limit: PAGE })
  for (let last = rows; last.length === PAGE; rows.push(...last)) {
    last = await list({ limit: PAGE, after: (last.at(-1) as Row).id })
  }
  return rows
}
