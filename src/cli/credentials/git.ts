import type { LoginToken } from '../../../packages/guard/src/login/index.ts'
import { UsageError } from '../errors.ts'
import { type Helper, type HelperContext, toUnixTime } from './helper.ts'
import { isPlainHost } from './plain-host.ts'

/** The attributes that git sends: `key=value` lines, where `key[]` may be repeated (git-credential(1)). */
type Attributes = Map<string, string[]>

/**
 * A git credential helper (gitcredentials(7)). `get` answers with the token and when it expires. `erase` says that the server
 * refused it, so it is refreshed. `store` has nothing to do, since `postern login` stores the token.
 */
export const git: Helper = async context => {
  const { operation = 'get' } = context
  if (!['get', 'store', 'erase'].includes(operation)) throw new UsageError(`git has no operation ${operation}.`)
  const attributes = parse(await context.input())
  const first = (name: string) => attributes.get(name)?.[0]
  const [protocol = '', host = ''] = [first('protocol'), first('host')]
  // Each by itself: together they could be a URL of an allowed host with the rest as its path.
  if (!/^https?$/.test(protocol) || !isPlainHost(host) || !context.hosts.allow(`${protocol}://${host}`)) return ''
  if (operation === 'erase') await refreshRefused(context, first('password') ?? first('credential'))
  return operation === 'get' ? format(attributes, await context.token(), context.username) : ''
}

function parse(input: string): Attributes {
  const attributes: Attributes = new Map()
  for (const line of input.split('\n')) {
    const at = line.indexOf('=')
    if (at < 0) continue
    const name = line.slice(0, at)
    attributes.set(name, [...(attributes.get(name) ?? []), line.slice(at + 1).replace(/\r$/, '')])
  }
  return attributes
}

/** git does not expect an answer, and goes on by itself if nobody is signed in. */
const refreshRefused = ({ token }: HelperContext, refused: string | undefined) =>
  refused === undefined ? undefined : token(refused).catch(() => {})

function format(attributes: Attributes, { accessToken, expiresAt }: LoginToken, username: string): string {
  const credential = takesBearer(attributes)
    ? ['capability[]=authtype', 'authtype=Bearer', `credential=${accessToken}`]
    : [`username=${attributes.get('username')?.[0] ?? username}`, `password=${accessToken}`]
  const expiry = expiresAt ? [`password_expiry_utc=${toUnixTime(expiresAt)}`] : []
  return `${[...credential, ...expiry].join('\n')}\n`
}

/** Whether this git (2.46) can send a bearer token and the server takes nothing else. */
function takesBearer(attributes: Attributes): boolean {
  const challenges = attributes.get('wwwauth[]') ?? []
  const offers = (scheme: RegExp) => challenges.some(challenge => scheme.test(challenge))
  const capable = attributes.get('capability[]')?.includes('authtype') ?? false
  return capable && offers(/^bearer\b/i) && !offers(/^basic\b/i)
}
