import { CommandError, UsageError } from '../errors.ts'
import type { Helper, HelperContext } from './helper.ts'

/** Docker recognizes this text (docker/docker-credential-helpers). */
const NOT_FOUND = 'credentials not found in native keychain\n'

/** A credential helper of Docker: the operation is its argument, the registry or a JSON object its standard input. */
export const docker: Helper = async context => {
  const { operation, hosts, username } = context
  if (operation === 'get') return get(context)
  if (operation === 'list') {
    return `${JSON.stringify(Object.fromEntries(hosts.names.map(host => [host, username])))}\n`
  }
  if (operation === 'store') throw new CommandError('This helper stores nothing. Sign in with: postern login')
  if (operation === 'erase') return ''
  throw new UsageError('docker needs one of the operations get, store, erase and list.')
}

async function get({ input, hosts, token, username }: HelperContext): Promise<string> {
  const registry = (await input()).trim()
  if (!hosts.allow(toUrl(registry))) {
    process.stdout.write(NOT_FOUND)
    throw new CommandError(`The token may not be sent to ${registry}. Allow it with --host.`)
  }
  const { accessToken } = await token()
  return `${JSON.stringify({ ServerURL: registry, Username: username, Secret: accessToken })}\n`
}

/** Docker names most registries by their host. */
const toUrl = (registry: string) => (/^https?:\/\//.test(registry) ? registry : `https://${registry}`)
