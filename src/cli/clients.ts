import { type Command, Option } from 'commander'
import type { TokenFormat } from '../clients/client.entity.ts'
import type { ClientAndSecret } from '../clients/clients.ts'
import { blockedHostCommands } from './blocked-hosts.ts'
import { UsageError } from './errors.ts'
import { durationOption, examples, idArgument, JSON_OPTION, type JsonOption } from './options.ts'
import { note, printResult, table } from './output.ts'
import { everyRow, withServices } from './services.ts'

interface CreateOptions extends JsonOption, Allowances {
  name: string
  public?: boolean
  grant?: string[]
  redirectUri?: string[]
  scope?: string[]
  audience?: string
  tokenFormat?: TokenFormat
}

interface Allowances {
  exchangeAudience?: string[] | undefined
  resource?: string[] | undefined
  issuesPersonalTokens?: boolean | undefined
  requirePushedRequests?: boolean | undefined
}

type UpdateOptions = JsonOption & Allowances

interface RotateOptions extends JsonOption {
  overlap?: number
}

const EXCHANGE_AUDIENCE = [
  '--exchange-audience <uri...>',
  'audience that it may exchange tokens for, besides its own',
] as const
const RESOURCE = [
  '--resource <uri...>',
  'resource that it may request with client_credentials, besides its own',
] as const

/** A pair of opposite options has no default, so that an update does not change what it does not name. */
const SWITCHES = [
  ['--issues-personal-tokens', 'its tokens may issue and rotate personal tokens'],
  ['--no-issues-personal-tokens', 'its tokens may not issue or rotate personal tokens (default)'],
  ['--require-pushed-requests', 'it must push its authorization requests (RFC 9126)'],
  ['--no-require-pushed-requests', 'it can send them through the browser (default)'],
] as const

const withSwitches = (command: Command): Command =>
  SWITCHES.reduce((each, [flags, description]) => each.option(flags, description), command)

export function clientCommands(postern: Command): void {
  const client = postern
    .command('client')
    .description('Create, update, list and revoke clients, and rotate their secrets.')

  withSwitches(client.command('create'))
    .description('Register an app. Its secret is shown only once.')
    .requiredOption('--name <name>', 'name that users see when they authorize the app')
    .option('--public', 'app without a secret: on a phone, in a browser, on a command line')
    .option('--grant <grant...>', 'grant type it may use (default: those that the other options need)')
    .option('--redirect-uri <uri...>', 'URI that the browser is redirected to')
    .option('--scope <scope...>', 'scope it may request (default: all scopes except admin)')
    .option('--audience <uri>', 'register a resource server with this audience')
    .option(...EXCHANGE_AUDIENCE)
    .option(...RESOURCE)
    .addOption(new Option('--token-format <format>', 'format of its access tokens').choices(['jwt', 'opaque']))
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      `
Grants: authorization_code, client_credentials, refresh_token, device_code, token-exchange.
${examples(
  'postern client create --name reports --scope orders:read --scope reports',
  'postern client create --name "Orders app" --public --redirect-uri https://orders.example.com/callback',
  'postern client create --name television --public --grant device_code --grant refresh_token',
  'postern client create --name "Orders API" --audience https://api.example.com',
)}`,
    )
    .action(create)

  withSwitches(client.command('update'))
    .description(
      'Change what a client is allowed. Each option replaces the previous values; an empty value allows nothing.',
    )
    .argument('<id>', 'ID of the client', idArgument)
    .option(...EXCHANGE_AUDIENCE)
    .option(...RESOURCE)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      examples(
        'postern client update 01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12 --exchange-audience https://stock.example.com',
        "postern client update 01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12 --resource ''",
      ),
    )
    .action(update)

  client
    .command('rotate-secret')
    .description(
      'Give a client a new secret, which is shown only once. The old secret stops working, immediately or after --overlap.',
    )
    .argument('<id>', 'ID of the client', idArgument)
    .option('--overlap <duration>', 'how long the old secret still works: 12h, 7d', durationOption)
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern client rotate-secret 01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12 --overlap 1d'))
    .action(rotateSecret)

  client
    .command('list')
    .description('List the clients, oldest first.')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern client list'))
    .action(list)

  client
    .command('revoke')
    .description('Revoke a client. All of its tokens stop working immediately.')
    .argument('<id>', 'ID of the client', idArgument)
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern client revoke 01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12'))
    .action(revoke)

  blockedHostCommands(client)
}

async function create({
  json,
  grant,
  redirectUri,
  scope,
  exchangeAudience,
  resource,
  issuesPersonalTokens,
  requirePushedRequests,
  ...rest
}: CreateOptions): Promise<void> {
  if (rest.public && !redirectUri && !grant && !rest.audience) {
    throw new UsageError(
      'A public client needs --redirect-uri or --grant device_code. Without them, it cannot get tokens.',
    )
  }
  const { GRANT_TYPES } = await import('../clients/client.entity.ts')
  const fullName = (short: string) => GRANT_TYPES.find(g => g.split(':').at(-1) === short) ?? short
  const options = {
    ...rest,
    ...(grant && { grantTypes: grant.map(fullName) }),
    ...(redirectUri && { redirectUris: redirectUri }),
    ...(scope && { scopes: scope }),
    ...allowances({ exchangeAudience, resource, issuesPersonalTokens, requirePushedRequests }),
  }
  showOnce(await withServices(({ clients }) => clients.create(options), 'create'), json)
}

/** An empty value allows nothing. */
function allowances({ exchangeAudience, resource, ...switches }: Allowances) {
  const list = (uris: string[] | undefined) => uris?.filter(Boolean)
  return { exchangeAudiences: list(exchangeAudience), resources: list(resource), ...switches }
}

async function update(id: string, { json, ...options }: UpdateOptions): Promise<void> {
  if (Object.keys(options).length === 0) throw new UsageError('Nothing to change. See --help for the options.')
  const { client } = await withServices(({ clients }) => clients.update(id, allowances(options)))
  const { toClient } = await import('../clients/schemas.ts')
  printResult(json, { data: toClient(client) }, `Updated client ${id}`)
}

async function rotateSecret(id: string, { overlap, json }: RotateOptions): Promise<void> {
  showOnce(await withServices(({ clients }) => clients.rotateSecret(id, { overlapSeconds: overlap })), json)
}

function showOnce({ client, secret }: ClientAndSecret, json: boolean | undefined): void {
  const text = `client_id      ${client.id}${secret ? `\nclient_secret  ${secret}` : ''}`
  printResult(json, { client_id: client.id, client_secret: secret }, text)
  if (secret && !json) note('Save the secret now. It is shown only once.')
}

async function list({ json }: JsonOption): Promise<void> {
  const clients = await withServices(services => everyRow(page => services.clients.list(page)), 'read')
  const rows = clients.map(c => [
    c.id,
    c.name,
    c.isConfidential() ? 'confidential' : 'public',
    c.grantTypes.map(g => g.split(':').at(-1)).join(' '),
    c.scopes?.join(' ') ?? 'all',
    c.revoked ? 'revoked' : 'active',
  ])
  const { toClient } = await import('../clients/schemas.ts')
  printResult(json, { data: clients.map(toClient) }, table(['id', 'name', 'type', 'grants', 'scopes', 'status'], rows))
}

async function revoke(id: string, { json }: JsonOption): Promise<void> {
  const client = await withServices(async ({ clients }) => {
    await clients.revoke(id)
    return clients.find(id)
  })
  const { toClient } = await import('../clients/schemas.ts')
  printResult(json, { data: toClient(client) }, `Revoked client ${id}`)
}
