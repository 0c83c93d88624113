import type { Services } from '../services.ts'

/**
 * How a command uses the database: `create` creates a missing one, `change` requires one, `read` requires one and does
 * not write.
 */
export type Access = 'create' | 'change' | 'read'

/**
 * Runs `work` with the services, and closes them. Their modules are loaded only here, so that `--help` and usage errors are
 * fast.
 * @throws StartupError when another process holds the embedded database, PostgreSQL cannot be reached or is not migrated, or
 *   the database is missing and the command does not create it
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
  /** Minimum for PostgreSQL. */
  connections?: number
}

/** As `withServices`, for a database that need not be migrated. */
export async function withBareServices<T>(
  work: (services: Services) => Promise<T>,
  { access = 'create', connections = 1 }: BareOptions = {},
): Promise<T> {
  const { chosenScopesFile, loadConfig } = await import('../config/config.ts')
  const { commandCatalogue, readDeployment, resolveCommandConfig } = await import('../deployment/deployment.ts')
  const { startEmbedded } = await import('../database/embedded/embedded.ts')
  const checked = loadConfig(process.env, {}, { create: access === 'create' })
  // It opens in a thread of its own while the modules are loaded.
  const embedded = checked.databaseUrl ? undefined : startEmbedded(checked.dataDir, { mustExist: access !== 'create' })
  let opened: { close(): Promise<void> } | undefined
  try {
    // A key is created only for an existing database.
    const database = access === 'change' ? loadConfig() : checked
    const [{ openDatabase }, { createServices }] = await Promise.all([
      import('../open-database.ts'),
      import('../services.ts'),
    ])
    const databasePoolSize = Math.max(connections, database.databasePoolSize)
    // A command has no time limit; the operator can interrupt it.
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

/** Reads all pages of a list. */
export async function everyRow<Row extends { id: string }>(
  list: (page: { limit: number; after?: string }) => Promise<Row[]>,
): Promise<Row[]> {
  const rows = await list({ limit: PAGE })
  for (let last = rows; last.length === PAGE; rows.push(...last)) {
    last = await list({ limit: PAGE, after: (last.at(-1) as Row).id })
  }
  return rows
}
