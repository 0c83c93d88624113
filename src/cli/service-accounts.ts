import { type Command, Option } from 'commander'
import type { AccountChange } from '../service-accounts/accounts.ts'
import type { Account } from '../service-accounts/read.ts'
import type { Services } from '../services.ts'
import type { Role } from '../users/user.entity.ts'
import { UsageError } from './errors.ts'
import { examples, idArgument, JSON_OPTION, type JsonOption } from './options.ts'
import { printable, printResult, table } from './output.ts'
import { everyRow, withServices } from './services.ts'
import { findUser } from './users.ts'

interface CreateOptions extends UpdateOptions {
  name: string
  maintainer: string[]
}

interface UpdateOptions extends JsonOption {
  name?: string
  description?: string
  scope?: string[]
  role?: Role
}

const ID = '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a14'
const idOfAccount = ['<id>', 'ID of the service account', idArgument] as const

export function serviceAccountCommands(postern: Command): void {
  const account = postern
    .command('service-account')
    .description('Create, update, disable, enable and list service accounts, and choose who looks after them.')

  withProperties(account.command('create'))
    .description('Create a service account: an owner of tokens that is not a person and cannot sign in.')
    .requiredOption('--name <name>', 'display name')
    .requiredOption('--maintainer <user...>', 'who looks after it: e-mail addresses or IDs')
    .addHelpText(
      'after',
      examples('postern service-account create --name Deployments --maintainer ada@example.com --scope orders:read'),
    )
    .action(create)

  withProperties(account.command('update'))
    .description('Change a service account. --scope replaces the previous scopes; an empty value allows all.')
    .argument(...idOfAccount)
    .option('--name <name>', 'new name')
    .addHelpText('after', examples(`postern service-account update ${ID} --scope orders:read orders:create`))
    .action(update)

  for (const what of ['add', 'remove'] as const) {
    account
      .command(`${what}-maintainer`)
      .description(what === 'add' ? 'Add a maintainer.' : 'Remove a maintainer.')
      .argument(...idOfAccount)
      .argument('<user>', 'e-mail address or ID')
      .option(...JSON_OPTION)
      .addHelpText('after', examples(`postern service-account ${what}-maintainer ${ID} grace@example.com`))
      .action((id: string, who: string, { json }: JsonOption) =>
        change(json, 'Updated', async services => {
          const user = await findUser(services, who)
          return services.serviceAccounts[`${what}Maintainer`](id, user.id)
        }),
      )
  }

  for (const [what, done] of [
    ['disable', 'Disabled'],
    ['enable', 'Enabled'],
  ] as const) {
    account
      .command(what)
      .description(
        what === 'disable'
          ? 'Disable a service account. Its tokens stop working immediately.'
          : 'Enable a service account. Its remaining tokens work again.',
      )
      .argument(...idOfAccount)
      .option(...JSON_OPTION)
      .addHelpText('after', examples(`postern service-account ${what} ${ID}`))
      .action((id: string, { json }: JsonOption) =>
        change(json, done, ({ serviceAccounts }) => serviceAccounts[what](id)),
      )
  }

  account
    .command('list')
    .description('List the service accounts, oldest first.')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern service-account list'))
    .action(list)
}

const withProperties = (command: Command): Command =>
  command
    .option('--description <text>', 'what it is for')
    .option('--scope <scope...>', 'scopes that its tokens may have (default: all scopes of whoever issues them)')
    .addOption(
      new Option('--role <role>', 'admin: its tokens may have administrative scopes').choices(['user', 'admin']),
    )
    .option(...JSON_OPTION)

/** An empty value allows every scope. */
const allowedScopes = (scope: string[] | undefined): string[] | null | undefined =>
  scope?.every(id => id === '') ? null : scope

function create({ name, maintainer, description, scope, role, json }: CreateOptions): Promise<void> {
  return change(json, 'Created', async services => {
    const people = await Promise.all(maintainer.map(who => findUser(services, who)))
    const maintainers = people.map(({ id }) => id)
    return services.serviceAccounts.create({
      name,
      description,
      maintainers,
      allowedScopes: allowedScopes(scope),
      role,
    })
  })
}

function update(id: string, { json, scope, ...fields }: UpdateOptions): Promise<void> {
  const values: AccountChange = { ...fields, ...(scope && { allowedScopes: allowedScopes(scope) }) }
  if (Object.keys(values).length === 0)
    throw new UsageError('Nothing to change. Use --name, --description, --scope or --role.')
  return change(json, 'Updated', ({ serviceAccounts }) => serviceAccounts.update(id, values))
}

async function change(
  json: boolean | undefined,
  done: string,
  work: (services: Services) => Promise<Account>,
): Promise<void> {
  const account = await withServices(work)
  const { toAccount } = await import('../service-accounts/schemas.ts')
  printResult(json, { data: toAccount(account) }, `${done} service account ${printable(account.name)} (${account.id})`)
}

async function list({ json }: JsonOption): Promise<void> {
  const accounts = await withServices(services => everyRow(page => services.serviceAccounts.list(page)), 'read')
  const rows = accounts.map(a => [
    a.id,
    a.name,
    a.maintainers.map(({ email }) => email).join(' '),
    a.allowedScopes?.join(' ') ?? 'all',
    a.liveTokens,
    a.disabledAt ? 'disabled' : 'active',
    a.createdAt,
  ])
  const headings = ['id', 'name', 'maintainers', 'scopes', 'tokens', 'status', 'created']
  const { toAccount } = await import('../service-accounts/schemas.ts')
  printResult(json, { data: accounts.map(toAccount) }, table(headings, rows))
}
