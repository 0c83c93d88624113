import { statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { appKeyFile } from '../config/app-key.ts'
import type { Config } from '../config/config.ts'
import type { Kind } from '../config/kinds.ts'
import { SETTINGS } from '../config/schema.ts'
import type { Environment } from '../config/secret.ts'
import { type Check, failed, ok, skipped, warning } from './finding.ts'

const VARIABLES = Object.values(SETTINGS).flatMap(({ variable, kind }) => ((kind as Kind).isSecret ? [variable] : []))
/** The variables that name files of our secrets, but not other programs' such as SSL_CERT_FILE. */
const SECRET = new RegExp(
  `^(APP_KEY(_PREVIOUS)?|OIDC_(\\d_)?(CLIENT_SECRET|PRIVATE_KEY)|OTEL_EXPORTER_OTLP_HEADERS|${VARIABLES.join('|')})_FILE$`,
)
const OTHERS_READ = 0o004
const OTHERS_WRITE = 0o002

/** Who may read or replace the files of secrets. */
export function filesCheck(env: Environment, { databaseUrl, dataDir }: Config): Check {
  const named = Object.entries(env).flatMap(([name, path]) => (SECRET.test(name) && path ? [path] : []))
  const files = [...named, ...(databaseUrl ? [] : [appKeyFile(dataDir)])]
  return {
    name: 'files',
    remedy: '',
    async run() {
      const modes = files.flatMap(path => modeOf(path))
      const findings = modes.flatMap(({ path, mode }) => problem(path, mode) ?? [])
      if (findings.length > 0) return findings
      return modes.length > 0 ? ok(`Only their owners can read the files of secrets (${modes.length}).`) : skipped(NONE)
    },
  }
}

const NONE = 'No secret is in a file.'

/** Nothing for a file that does not exist: the configuration says so. */
function modeOf(path: string): { path: string; mode: number }[] {
  const { mode } = statSync(path, { throwIfNoEntry: false }) ?? {}
  return mode === undefined ? [] : [{ path, mode }]
}

function problem(path: string, mode: number) {
  if (mode & OTHERS_WRITE) return failed(`Everybody can change ${path}.`, `chmod 600 ${path}`)
  if (mode & OTHERS_READ) return warning(`Everybody on this machine can read ${path}.`, `chmod 600 ${path}`)
  return undefined
}

const MB = 1024 * 1024
const LEAST_BYTES = 128 * MB
const FEW_BYTES = 1024 * MB

/** The space that is left for the embedded database. */
export function diskCheck({ databaseUrl, dataDir }: Config): Check {
  return {
    name: 'disk',
    remedy: 'Set DATA_DIR to a directory that exists.',
    async run() {
      if (databaseUrl) return skipped('The database is a server.')
      const at = statSync(dataDir, { throwIfNoEntry: false }) ? dataDir : dirname(dataDir)
      const { bavail, bsize } = await statfs(at)
      const free = bavail * bsize
      const message = `${Math.round(free / MB)} MB are free in ${at}.`
      const remedy = 'Free some space, or set DATA_DIR to a directory on another disk.'
      if (free < LEAST_BYTES) return failed(message, remedy)
      return free < FEW_BYTES ? warning(message, remedy) : ok(message)
    },
  }
}
