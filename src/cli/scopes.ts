import type { Command } from 'commander'
import { chosenScopesFile, loadConfig } from '../config/config.ts'
import { hasDatabase } from '../database/embedded/existing.ts'
import { type Catalogue, loadCatalogue } from '../scopes/catalogue.ts'
import { examples, JSON_OPTION, type JsonOption } from './options.ts'
import { printResult, table } from './output.ts'

interface Options extends JsonOption {
  types?: boolean
}

export function scopesCommand(postern: Command): void {
  postern
    .command('scopes')
    .description('List all scopes of this deployment.')
    .option('--types', 'print a TypeScript declaration that makes misspelled scopes compile errors')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern scopes', 'postern scopes --types > src/scopes.d.ts'))
    .action(async ({ types, json }: Options) => {
      const catalogue = await currentCatalogue()
      printResult(json, catalogue.scopes, types ? declaration(catalogue) : asTable(catalogue))
    })
}

/**
 * The catalogue in SCOPES_FILE, else the one stored in the database, else the default file. An embedding application can
 * have stored a catalogue of its own.
 * @throws StartupError when there is a database, and neither it nor a file can be read
 */
async function currentCatalogue(): Promise<Catalogue> {
  const config = loadConfig(process.env, {}, { create: false })
  const fromFile = () => loadCatalogue(config.scopesFile)
  if (process.env.SCOPES_FILE) return fromFile()
  if (!config.databaseUrl && !hasDatabase(config.dataDir)) return fromFile()
  const { withBareServices } = await import('./services.ts')
  try {
    return await withBareServices(async ({ catalogue }) => catalogue, { access: 'read' })
  } catch (error) {
    // For example, a running server holds the embedded database.
    if (chosenScopesFile()) return fromFile()
    throw error
  }
}

const asTable = ({ scopes }: Catalogue) =>
  table(
    ['id', 'default', 'description'],
    scopes.map(s => [s.id, s.default, s.description]),
  )

/** `export {}` makes the file a module: only then does `declare module` add to the guard's types. */
function declaration({ scopes }: Catalogue): string {
  return `export {}

declare module 'postern/guard' {
  interface Catalogue {
    scope:
${scopes.map(({ id }) => `      | '${id.replaceAll("'", "\\'")}'`).join('\n')}
  }
}`
}
