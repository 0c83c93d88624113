import type { Config } from '../config/config.ts'
import type { Environment } from '../config/secret.ts'
import { databaseCheck } from './database.ts'
import { diskCheck, filesCheck } from './files.ts'
import { type Check, type Finding, runCheck } from './finding.ts'
import { issuerCheck } from './issuer.ts'
import { proxyCheck } from './proxy.ts'
import { listenCheck, mailCheck, oidcCheck, redisCheck } from './services.ts'
import { administratorCheck, keysCheck, migrationsCheck, type Opened } from './stored.ts'
import { valuesCheck } from './values.ts'

export interface Patient {
  env: Environment
  config: Config
  /** undefined: the database could not be opened. */
  opened: Opened | undefined
  /** Why it could not be opened. */
  closed: string
}

/**
 * Checks the configuration against the running database, mail server, proxy and so on. It changes nothing.
 * @returns the findings, in the order of the checks
 * @example
 * const findings = await examine({ env: process.env, config: loadConfig(), opened: undefined, closed: 'not opened' })
 */
export async function examine({ env, config, opened, closed }: Patient): Promise<Finding[]> {
  const kids = async () => {
    const rows = opened ? await opened.keys.list().catch(() => []) : []
    return rows.length > 0 ? rows.filter(({ state }) => state !== 'past').map(({ id }) => id) : undefined
  }
  const checks: Check[] = [
    valuesCheck(config),
    filesCheck(env, config),
    diskCheck(config),
    databaseCheck(config),
    migrationsCheck(opened, closed),
    keysCheck(opened, closed),
    administratorCheck(opened, closed),
    listenCheck(config, opened?.db),
    issuerCheck(config, kids),
    proxyCheck(config),
    mailCheck(config),
    oidcCheck(config),
    redisCheck(config),
  ]
  return (await Promise.all(checks.map(runCheck))).flat()
}
