import { type Command, Option } from 'commander'
import type { TokenFormat } from '../clients/client.entity.ts'
import type { Account } from '../service-accounts/read.ts'
import type { Services } from '../services.ts'
import { isUuid } from '../text/uuid.ts'
import type { ListedToken } from '../tokens/token.entity.ts'
import type { User } from '../users/user.entity.ts'
import { CommandError } from './errors.ts'
import { durationOption, examples, idArgument, JSON_OPTION, type JsonOption } from './options.ts'
import { day, note, printable, printResult, table } from './output.ts'
import { everyRow, withServices } from './services.ts'
import { TOKEN_FOR_HELP } from './token-for.ts'
import { findUser } from './users.ts'

interface IssueOptions extends JsonOption {
  user: string
  name: string
  scope?: string[]
  expiresIn?: number
  format?: TokenFormat
  resource?: string[]
}

interface ListOptions extends JsonOption {
  user: string
  all?: boolean
}

export function tokenCommands(postern: Command): void {
  const token = postern
    .command('token')
    .description('Issue, list and revoke personal access tokens.')
    .addHelpText('after', TOKEN_FOR_HELP)

  token
    .command('issue')
    .description('Issue a personal access token. Only the token is printed to stdout, and only once.')
    .requiredOption('--user <user>', 'owner: e-mail address, or ID of a user or a service account')
    .requiredOption('--name <name>', 'name of the token, such as its purpose')
    .option('--scope <scope...>', 'scope of the token (default: the default scopes of the catalogue)')
    .option('--expires-in <duration>', 'lifetime: 30d, 12h, P1Y (default: PERSONAL_TOKEN_LIFETIME)', durationOption)
    .option(
      '--resource <uri...>',
      'audience of an API that accepts the token (default: every API, or the APIs of its scopes)',
    )
    .addOption(new Option('--format <format>', 'format of the token').choices(['jwt', 'opaque']))
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      examples(
        'TOKEN=$(postern token issue --user ada@example.com --name deploy --scope orders:read --expires-in 30d)',
        'postern token issue --user ada@example.com --name ci --scope orders:read orders:create --format opaque',
      ),
    )
    .action(issue)

  token
    .command('list')
    .description('List the personal access tokens of a user, newest first.')
    .requiredOption('--user <user>', 'owner: e-mail address, or ID of a user or a service account')
    .option('--all', 'include revoked and expired tokens')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern token list --user ada@example.com'))
    .action(list)

  token
    .command('revoke')
    .description('Revoke a token. It stops working immediately.')
    .argument('<id>', 'ID of the token (the `jti` of a JWT)', idArgument)
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern token revoke 01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11'))
    .action(revoke)
}

async function issue({
  user: who,
  name,
  scope,
  expiresIn,
  format,
  resource: resources,
  json,
}: IssueOptions): Promise<void> {
  const { user, plainText, token, catalogue } = await withServices(async services => {
    const user = await findOwner(services, who)
    if (user.disabledAt) {
      const enable = isPerson(user) ? `user enable ${user.email}` : `service-account enable ${user.id}`
      throw new CommandError(`The owner ${user.name} is disabled. Enable it first: postern ${enable}`)
    }
    await services.ensure()
    await recordIssuer(services)
    const expiresAt = expiresIn === undefined ? undefined : new Date(Date.now() + expiresIn * 1000)
    const { catalogue } = services
    return {
      user,
      catalogue,
      ...(await services.tokens.issuePersonal({ user, name, scopes: scope, expiresAt, format, resources })),
    }
  })
  const { toToken } = await import('../tokens/schemas.ts')
  const { toUser } = await import('../users/schemas.ts')
  printResult(json, { token: plainText, data: toToken(catalogue, token), user: toUser(user) }, plainText)
  if (!json) note(`${describe(token)} for ${user.email}; expires ${day(token.expiresAt)}; ID ${token.id}`)
}

type Owner = User | Account

/** A person, or a service account by its id. @throws CommandError when there is none */
async function findOwner(services: Services, who: string): Promise<Owner> {
  if (!isUuid(who)) return findUser(services, who)
  const user = await services.users.findOwner(who)
  return isPerson(user) ? user : services.serviceAccounts.find(user.id)
}

const isPerson = (owner: Owner): boolean => 'kind' in owner && owner.kind === 'person'

/** The token names an issuer, so a server that starts later with another issuer must be able to detect it. */
async function recordIssuer(services: Services): Promise<void> {
  const { readDeployment } = await import('../deployment/deployment.ts')
  if (!(await readDeployment(services.db))) await services.saveDeployment()
}

async function list({ user: who, all, json }: ListOptions): Promise<void> {
  const { tokens, catalogue } = await withServices(async services => {
    const { id } = await findOwner(services, who)
    const rows = await everyRow(page => services.tokens.list(id, { ...page, state: all ? 'all' : 'live' }))
    return {
      catalogue: services.catalogue,
      tokens: rows.map(token => ({ token, seen: services.usage.lastUse(token) })),
    }
  }, 'read')
  const headings = ['id', 'name', 'scopes', 'format', 'status', 'created', 'last used', 'expires']
  const rows = tokens.map(({ token: t }) => [
    t.id,
    t.name,
    scopes(t),
    t.format,
    status(t),
    t.createdAt,
    t.lastUsedAt,
    t.expiresAt,
  ])
  const { toToken } = await import('../tokens/schemas.ts')
  printResult(json, { data: tokens.map(({ token, seen }) => toToken(catalogue, token, seen)) }, table(headings, rows))
}

async function revoke(id: string, { json }: JsonOption): Promise<void> {
  const { token, seen, catalogue, count } = await withServices(async ({ tokenAdmin, usage, catalogue }) => {
    const count = await tokenAdmin.revokeOne(id)
    const token = await tokenAdmin.find(id)
    if (!token) throw new CommandError(`There is no token ${id}.`)
    return { token, seen: usage.lastUse(token), catalogue, count }
  })
  const { toToken } = await import('../tokens/schemas.ts')
  const others = count > 1 ? ` and ${count - 1} more that were issued with it or replaced it` : ''
  printResult(json, { data: toToken(catalogue, token, seen), count }, `Revoked ${describe(token)}${others}`)
}

type Named = Pick<ListedToken, 'name' | 'scopes'>

const describe = (token: Named) => `${printable(token.name ?? 'an unnamed token')} (${scopes(token)})`
const scopes = (token: Pick<Named, 'scopes'>) => token.scopes.join(' ') || 'no scopes'

function status({ revoked, suspended, expiresAt }: ListedToken): string {
  if (revoked) return 'revoked'
  if (expiresAt.getTime() <= Date.now()) return 'expired'
  return suspended ? 'suspended' : 'active'
}
