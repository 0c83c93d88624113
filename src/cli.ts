import { Command, CommanderError } from 'commander'
import packageJson from '../package.json' with { type: 'json' }
import { auditCommand } from './cli/audit.ts'
import { clientCommands } from './cli/clients.ts'
import { doctorCommand } from './cli/doctor.ts'
import { dumpCommands } from './cli/dump.ts'
import { ExitCode, exitCode, explain } from './cli/errors.ts'
import { guardCommand } from './cli/guard.ts'
import { importCommands } from './cli/import.ts'
import { keyCommands } from './cli/keys.ts'
import { mcpCommand } from './cli/mcp.ts'
import { examples } from './cli/options.ts'
import { pruneCommand } from './cli/prune.ts'
import { scopesCommand } from './cli/scopes.ts'
import { migrateCommand, serveCommand } from './cli/server.ts'
import { serviceAccountCommands } from './cli/service-accounts.ts'
import { signInCommands } from './cli/sign-in.ts'
import { statusCommand } from './cli/status.ts'
import { tokenForCommand, withTokenFor } from './cli/token-for.ts'
import { tokenCommands } from './cli/tokens.ts'
import { trustCommands } from './cli/trusts.ts'
import { userCommands } from './cli/users.ts'

/**
 * Runs one command.
 * @param args the arguments after `postern`
 * @returns the exit code: 0 success, 1 failure, 2 wrong usage, others as `migrate --check` documents; the reason is one line on stderr
 */
export async function main(args: readonly string[]): Promise<number> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', ignoreClosedPipe)
  try {
    await program().parseAsync(withTokenFor(args), { from: 'user' })
    return 0
  } catch (error) {
    const code = exitCode(error)
    const isAnswer = error instanceof ExitCode
    const requested = isAnswer || (error instanceof CommanderError && (code === 0 || error.code === 'commander.help'))
    if (!requested) process.stderr.write(`postern: ${explain(error)}\n`)
    return code
  }
}

function program(): Command {
  const postern = new Command('postern')
    .description('An OAuth 2.0 authorization server for personal access tokens.')
    .version(packageJson.version)
    .addHelpText(
      'after',
      `
Configuration is read from environment variables: DATABASE_URL and APP_KEY for PostgreSQL, DATA_DIR for the embedded
database (./data), SCOPES_FILE for the scopes, and PORT, HOST and ISSUER for the server.

Exit codes: 0 success, 1 failure, 2 wrong usage.
${examples(
  'postern serve',
  'postern user create --email ada@example.com --name "Ada Lovelace"',
  'TOKEN=$(postern token issue --user ada@example.com --name deploy --scope orders:read --expires-in 30d)',
)}`,
    )
    .exitOverride()
    .configureOutput({ outputError: () => {} })
  serveCommand(postern)
  migrateCommand(postern)
  userCommands(postern)
  serviceAccountCommands(postern)
  clientCommands(postern)
  tokenCommands(postern)
  tokenForCommand(postern)
  signInCommands(postern)
  trustCommands(postern)
  keyCommands(postern)
  auditCommand(postern)
  pruneCommand(postern)
  dumpCommands(postern)
  importCommands(postern)
  statusCommand(postern)
  doctorCommand(postern)
  scopesCommand(postern)
  guardCommand(postern)
  mcpCommand(postern)
  return postern
}

/** `postern token list | head -1` closes the pipe early, which is not an error. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}
