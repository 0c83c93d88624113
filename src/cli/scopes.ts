import type { Command } from 'commander'
import { loadConfig } from '../config/config.ts'
import { type Catalogue, loadCatalogue } from '../scopes/catalogue.ts'
import { examples, JSON_OPTION, type JsonOption } from './options.ts'
import { answer, table } from './output.ts'

interface Options extends JsonOption {
  types?: boolean
}

export function scopesCommand(postern: Command): void {
  postern
    .command('scopes')
    .description('List the catalogue: every scope of this deployment, in order.')
    .option('--types', 'print the declaration with which a misspelt scope does not compile')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern scopes', 'postern scopes --types > src/scopes.d.ts'))
    .action(({ types, json }: Options) => {
      const catalogue = loadCatalogue(loadConfig(process.env, {}, { create: false }).scopesFile)
      answer(json, catalogue.scopes, types ? declaration(catalogue) : asTable(catalogue))
    })
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
