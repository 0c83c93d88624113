import { type Command, Option } from 'commander'
import type { TokenFormat } from '../clients/client.entity.ts'
import type { ClientAndSecret } from '../clients/clients.ts'
import { UsageError } from './errors.ts'
import { durationOption, examples, idArgument, JSON_OPTION, type JsonOption } from './options.ts'
import { answer, note, table } from './output.ts'
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
}

type UpdateOptions = JsonOption & Allowances

interface RotateOptions extends JsonOption {
  overlap?: number
}

const EXCHANGE_AUDIENCE = [
  '--exchange-audience <uri...>',
  'audience besides its own that it may exchange tokens for',
] as const
const RESOURCE = ['--resource <uri...>', 'resource besides its own that it may name with client_credentials'] as const

export function clientCommands(postern: Command): void {
  const client = postern.command('client').description('Create, list and revoke clients, and rotate their secrets.')

  client
    .command('create')
    .description('Register an application. Its secret is shown this once.')
    .requiredOption('--name <name>', 'name that people see when they let it in')
    .option('--public', 'without a secret: an app on a phone, in a browser, on a command line')
    .option('--grant <grant...>', 'grant type it may use (default: what the other options call for)')
    .option('--redirect-uri <uri...>', 'where people are sent back to')
    .option('--scope <scope...>', 'scope it may ask for (default: every scope)')
    .option('--audience <uri>', 'make it a resource server that tokens can be meant for')
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

  client
    .command('update')
    .description(
      'Allow a client more or less. What is given replaces what was allowed before; an empty text allows nothing.',
    )
    .argument('<id>', 'id of the client', idArgument)
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
    .description('Give a client a new secret, shown this once. The one before dies, at once or after the overlap.')
    .argument('<id>', 'id of the client', idArgument)
    .option('--overlap <duration>', 'how long the secret before lives on: 12h, 7d', durationOption)
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
    .description('Revoke a client: none of its tokens opens anything from the next request on.')
    .argument('<id>', 'id of the client', idArgument)
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern client revoke 01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12'))
    .action(revoke)
}

async function create({
  json,
  grant,
  redirectUri,
  scope,
  exchangeAudience,
  resource,
  ...rest
}: CreateOptions): Promise<void> {
  if (rest.public && !redirectUri && !grant && !rest.audience) {
    throw new UsageError(
      'A public client needs --redirect-uri, or --grant device_code: otherwise it could get no token.',
    )
  }
  const { GRANT_TYPES } = await import('../clients/client.entity.ts')
  const fullName = (short: string) => GRANT_TYPES.find(g => g.split(':').at(-1) === short) ?? short
  const options = {
    ...rest,
    ...(grant && { grantTypes: grant.map(fullName) }),
    ...(redirectUri && { redirectUris: redirectUri }),
    ...(scope && { scopes: scope }),
    ...allowances({ exchangeAudience, resource }),
  }
  showOnce(await withServices(({ clients }) => clients.create(options), 'create'), json)
}

/** An empty text, which a shell can pass, allows nothing. */
function allowances({ exchangeAudience, resource }: Allowances) {
  const list = (uris: string[] | undefined) => uris?.filter(Boolean)
  return { exchangeAudiences: list(exchangeAudience), resources: list(resource) }
}

async function update(id: string, { json, ...options }: UpdateOptions): Promise<void> {
  if (!options.exchangeAudience && !options.resource) throw new UsageError('Name what to change: see --help.')
  const { client } = await withServices(({ clients }) => clients.update(id, allowances(options)))
  const { toClient } = await import('../clients/schemas.ts')
  answer(json, { data: toClient(client) }, `Changed client ${id}`)
}

async function rotateSecret(id: string, { overlap, json }: RotateOptions): Promise<void> {
  showOnce(await withServices(({ clients }) => clients.rotateSecret(id, { overlapSeconds: overlap })), json)
}

function showOnce({ client, secret }: ClientAndSecret, json: boolean | undefined): void {
  const text = `client_id      ${client.id}${secret ? `\nclient_secret  ${secret}` : ''}`
  answer(json, { client_id: client.id, client_secret: secret }, text)
  if (secret && !json) note('The secret is shown this once: keep it now.')
}

async function list({ json }: JsonOption): Promise<void> {
  const clients = await withServices(services => everyRow(page => services.clients.list(page)), 'read')
  const rows = clients.map(c => [
    c.id,
    c.name,
    c.isConfidential() ? 'confidential' : 'public',
    c.grantTypes.map(g => g.split(':').at(-1)).join(' '),
    c.scopes?.join(' ') ?? 'every',
    c.revoked ? 'revoked' : 'live',
  ])
  const { toClient } = await import('../clients/schemas.ts')
  answer(json, { data: clients.map(toClient) }, table(['id', 'name', 'type', 'grants', 'scopes', 'state'], rows))
}

async function revoke(id: string, { json }: JsonOption): Promise<void> {
  const client = await withServices(async ({ clients }) => {
    await clients.revoke(id)
    return clients.find(id)
  })
  const { toClient } = await import('../clients/schemas.ts')
  answer(json, { data: toClient(client) }, `Revoked client ${id}`)
}
