import { CommandError } from '../errors.ts'
import type { Helper } from './helper.ts'

const GROUP = 'client.authentication.k8s.io'

/** The part of `KUBERNETES_EXEC_INFO` that matters. */
interface ExecInfo {
  apiVersion?: string
  spec?: { cluster?: { server?: string } }
}

/**
 * A credential plugin of kubectl: prints an `ExecCredential` (client-go credential plugins). With `provideClusterInfo`, the
 * token is given only for an API server that `--host` allows.
 */
export const kubectl: Helper = async ({ env, hosts, token }) => {
  const info = parse(env.KUBERNETES_EXEC_INFO)
  const server = info.spec?.cluster?.server
  if (server !== undefined && !hosts.allow(server)) {
    throw new CommandError(`The token may not be sent to ${server}. Allow it with --host.`)
  }
  const { accessToken, expiresAt } = await token()
  // Seconds, as Kubernetes writes times.
  const expiry = expiresAt && { expirationTimestamp: `${expiresAt.toISOString().slice(0, 19)}Z` }
  const apiVersion = info.apiVersion === `${GROUP}/v1beta1` ? info.apiVersion : `${GROUP}/v1`
  return `${JSON.stringify({ apiVersion, kind: 'ExecCredential', status: { token: accessToken, ...expiry } })}\n`
}

function parse(text = '{}'): ExecInfo {
  try {
    return JSON.parse(text)
  } catch {
    throw new CommandError('KUBERNETES_EXEC_INFO is not JSON.')
  }
}
