import type { Command } from 'commander'
import type { Finding } from '../doctor/finding.ts'
import { CommandError, explain } from './errors.ts'
import { examples, JSON_OPTION, type JsonOption } from './options.ts'
import { printable, printResult } from './output.ts'
import { withBareServices } from './services.ts'

export function doctorCommand(postern: Command): void {
  postern
    .command('doctor')
    .description(
      'Check the configuration against what is running: database, clocks, issuer, proxies, mail, OpenID providers, ' +
        'Redis, keys, files. Says what to change, and changes nothing. Run it with the environment of the server.',
    )
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `\nExit codes: 0 no errors (there may be warnings), 1 errors.\n${examples('postern doctor', 'postern doctor --json')}`,
    )
    .action(async ({ json }: JsonOption) => {
      const findings = await examineAll()
      const errors = findings.filter(({ status }) => status === 'error').length
      printResult(json, { ok: errors === 0, findings }, findings.map(toText).join('\n'))
      if (errors > 0) throw new CommandError(`${errors} ${errors === 1 ? 'error' : 'errors'}`)
    })
}

async function examineAll(): Promise<Finding[]> {
  const { loadConfig } = await import('../config/config.ts')
  const { examine } = await import('../doctor/doctor.ts')
  const env = process.env
  let config: ReturnType<typeof loadConfig>
  try {
    config = loadConfig(env, {}, { create: false })
  } catch (error) {
    return [problem('configuration', explain(error), 'Change this setting first: nothing else can be checked.')]
  }
  const first: Finding = { check: 'configuration', status: 'ok', message: 'Every setting is valid.' }
  try {
    return await withBareServices(
      async ({ config, db, keys }) => [first, ...(await examine({ env, config, opened: { db, keys }, closed: '' }))],
      { access: 'read' },
    )
  } catch (error) {
    const reason = explain(error)
    const closed = 'The database could not be opened.'
    return [first, ...openingFinding(reason), ...(await examine({ env, config, opened: undefined, closed }))]
  }
}

const problem = (check: string, message: string, remedy: string): Finding => ({
  check,
  status: 'error',
  message,
  remedy,
})

/** A server that runs, or that has not run yet, is no error. The check of the connection reports a PostgreSQL that is away. */
function openingFinding(message: string): Finding[] {
  if (message.startsWith('DATABASE_URL cannot be reached')) return []
  const isExpected = /in use by another Postern process|^There is no database in/.test(message)
  if (isExpected) return [{ check: 'opening', status: 'skipped', message }]
  return [problem('opening', message, 'Change what the message names.')]
}

function toText({ check, status, message, remedy }: Finding): string {
  const first = `${status.padEnd(8)} ${check.padEnd(14)} ${printable(message)}`
  return remedy ? `${first}\n${' '.repeat(24)}→ ${printable(remedy)}` : first
}
