import type { Services } from '../services.ts'

/**
 * What a command does to the database: `create` creates it where there is none, `change` needs one, `read` needs one and
 * writes nothing.
 */
export type Access = 'create' | 'change' | 'read'

/**
 * Creates the services for one piece of work and closes it again. The rooms are loaded here, so that `--help` and wrong usage
 * need not wait for them.
 * @throws StartupError when another process holds the embedded database, a shared one is away or not migrated, or there is
 *   none and the command does not create it
 */
export function withServices<T>(work: (services: Services) => Promise<T>, access: Access = 'change'): Promise<T> {
  const ready = async (services: Services) => {
    const { requireMigrated } = await import('../database/migrations.ts')
    await requireMigrated(services.db, access !== 'read')
    if (access !== 'read') await services.ensureRows()
    return work(services)
  }
  return withBareServices(ready, { access })
}

export interface BareOptions {
  access?: Access
  /** At least so many, where the database is shared. */
  connections?: number
}

/** As `withServices`, with a database that may lack its tables. */
export async function withBareServices<T>(
  work: (services: Services) => Promise<T>,
  { access = 'create', connections = 1 }: BareOptions = {},
): Promise<T> {
  const { chosenScopesFile, loadConfig } = await import('../config/config.ts')
  const { commandCatalogue, readDeployment, resolveCommandConfig } = await import('../deployment/deployment.ts')
  const { startEmbedded } = await import('../database/embedded/embedded.ts')
  const checked = loadConfig(process.env, {}, { create: access === 'create' })
  // It opens on a thread of its own while the rest is loaded.
  const embedded = checked.databaseUrl ? undefined : startEmbedded(checked.dataDir, { mustExist: access !== 'create' })
  let opened: { close(): Promise<void> } | undefined
  try {
    // A key is created only beside a database that is there.
    const database = access === 'change' ? loadConfig() : checked
    const [{ openDatabase }, { createServices }] = await Promise.all([
      import('../open-database.ts'),
      import('../services.ts'),
    ])
    const databasePoolSize = Math.max(connections, database.databasePoolSize)
    // Whoever gave a command waits for it as long as they like.
    const db = await openDatabase({ ...database, databasePoolSize, databaseTimeout: 0, embedded })
    opened = db
    const stored = await readDeployment(db)
    const config = resolveCommandConfig(database, stored, process.env)
    const services = await createServices({
      config,
      catalogue: commandCatalogue(stored, chosenScopesFile(), process.env),
      db,
    })
    opened = services
    return await work(services)
  } finally {
    await (opened ? opened.close() : embedded?.release())
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
