import { type Command, Option } from 'commander'
import { undefinedIfNotFound } from '../errors/errors.ts'
import type { Services } from '../services.ts'
import { isUuid } from '../text/uuid.ts'
import type { Role, User } from '../users/user.entity.ts'
import { CommandError, UsageError } from './errors.ts'
import { inviteCommand } from './invite.ts'
import { examples, JSON_OPTION, type JsonOption } from './options.ts'
import { printable, printResult, table } from './output.ts'
import { readPassword } from './password.ts'
import { everyRow, withServices } from './services.ts'

interface CreateOptions extends JsonOption {
  email: string
  name: string
  admin?: boolean
  passwordStdin?: boolean
}

export function userCommands(postern: Command): void {
  const user = postern.command('user').description('Create, invite, update, disable, enable, unlock and list users.')

  user
    .command('create')
    .description('Create a user. The password is read from a prompt or from standard input.')
    .requiredOption('--email <address>', 'e-mail address that the user signs in with')
    .requiredOption('--name <name>', 'display name')
    .option('--admin', 'create an administrator')
    .option('--password-stdin', 'read the password from standard input')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      examples(
        'postern user create --email ada@example.com --name "Ada Lovelace"',
        'pass show ada | postern user create --email ada@example.com --name Ada --admin --password-stdin',
      ),
    )
    .action(create)

  inviteCommand(user)

  changeCommands(user)
  lockCommands(user)
  factorCommand(user)

  user
    .command('list')
    .description('List the users, oldest first.')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern user list', "postern user list --json | jq -r '.data[].email'"))
    .action(list)
}

/** Commands that change one property of a user. */
function changeCommands(user: Command): void {
  user
    .command('set-password')
    .description(
      'Set a new password and sign the user out everywhere. It is read from a prompt or from standard input.',
    )
    .requiredOption('--email <user>', 'e-mail address or ID')
    .option('--password-stdin', 'read the password from standard input')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      examples('pass show ada | postern user set-password --email ada@example.com --password-stdin'),
    )
    .action(setPassword)

  user
    .command('set-role')
    .description('Change the role of a user. The last administrator cannot be demoted.')
    .requiredOption('--email <user>', 'e-mail address or ID')
    .addOption(new Option('--role <role>', 'new role').choices(['user', 'admin']).makeOptionMandatory())
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern user set-role --email ada@example.com --role admin'))
    .action(setRole)

  user
    .command('update')
    .description('Change the name or the e-mail address of a user.')
    .argument('<user>', 'e-mail address or ID')
    .option('--name <name>', 'new name')
    .option('--email <address>', 'new e-mail address')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern user update ada@example.com --name "Ada King"'))
    .action(update)
}

function lockCommands(user: Command): void {
  user
    .command('disable')
    .description('Disable a user. All of their tokens and sessions stop working immediately.')
    .argument('<user>', 'e-mail address or ID')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern user disable ada@example.com'))
    .action((who: string, { json }: JsonOption) => change(who, json, 'disable'))

  user
    .command('enable')
    .description('Enable a user again. Tokens that are neither revoked nor expired work again.')
    .argument('<user>', 'e-mail address or ID')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern user enable ada@example.com'))
    .action((who: string, { json }: JsonOption) => change(who, json, 'enable'))

  user
    .command('unlock')
    .description(
      'Reset the failed sign-in count of a user, so that the next attempt is not delayed. Counts of IP addresses are kept.',
    )
    .argument('<user>', 'e-mail address or ID')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern user unlock ada@example.com'))
    .action((who: string, { json }: JsonOption) => change(who, json, 'unlock'))
}

/** The command for users who have lost their second factors. */
function factorCommand(user: Command): void {
  user
    .command('reset-factors')
    .description(
      'Remove the passkeys, the authenticator app and the recovery codes of a user who has lost them, and end the sessions.',
    )
    .argument('<user>', 'e-mail address or ID')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern user reset-factors ada@example.com'))
    .action(resetFactors)
}

async function resetFactors(who: string, { json }: JsonOption): Promise<void> {
  const user = await withServices(async services => services.factors.reset((await findUser(services, who)).id))
  await printUser(json, user, 'Reset the second factors of')
}

/** @throws CommandError when there is no such user */
export async function findUser({ users, userIds }: Services, who: string): Promise<User> {
  const known = isUuid(who) ? undefined : await users.findByEmail(who)
  const user = known ?? (await users.find(await userIds.rowOf(who)).catch(undefinedIfNotFound))
  if (user) return user
  throw new CommandError(`There is no user ${who}. List all users: postern user list`)
}

async function create({ email, name, admin, passwordStdin, json }: CreateOptions): Promise<void> {
  const password = await readPassword(passwordStdin)
  const role = admin ? 'admin' : 'user'
  const user = await withServices(({ users }) => users.create({ email, name, password, role }), 'create')
  const { toManagedUser } = await import('../users/schemas.ts')
  printResult(json, { data: toManagedUser(user) }, `Created ${describe(user)}`)
}

type Changing = JsonOption & { email: string; passwordStdin?: boolean; role: Role }

async function setPassword({ email: who, passwordStdin, json }: Changing): Promise<void> {
  const password = await readPassword(passwordStdin)
  const user = await withServices(async services =>
    services.users.update((await findUser(services, who)).id, { password }),
  )
  await printUser(json, user, 'Set the password of')
}

async function setRole({ email: who, role, json }: Changing): Promise<void> {
  const user = await withServices(async services => {
    const found = await findUser(services, who)
    if (found.role === role) return found
    return services.users.update(found.id, { role })
  })
  await printUser(json, user, 'Set the role of')
}

async function update(
  who: string,
  { name, email, json }: JsonOption & { name?: string; email?: string },
): Promise<void> {
  if (name === undefined && email === undefined) throw new UsageError('Nothing to change. Use --name or --email.')
  const user = await withServices(async services =>
    services.users.update((await findUser(services, who)).id, { name, email }),
  )
  await printUser(json, user, 'Updated')
}

async function printUser(json: boolean | undefined, user: User, what: string): Promise<void> {
  const { toManagedUser } = await import('../users/schemas.ts')
  printResult(json, { data: toManagedUser(user) }, `${what} ${describe(user)}`)
}

const DONE = { disable: 'Disabled', enable: 'Enabled', unlock: 'Unlocked' } as const

async function change(who: string, json: boolean | undefined, what: keyof typeof DONE): Promise<void> {
  const user = await withServices(async services => services.users[what]((await findUser(services, who)).id))
  const { toManagedUser } = await import('../users/schemas.ts')
  printResult(json, { data: toManagedUser(user) }, `${DONE[what]} ${describe(user)}`)
}

async function list({ json }: JsonOption): Promise<void> {
  const users = await withServices(services => everyRow(page => services.users.list(page)), 'read')
  const rows = users.map(u => [u.id, u.email, u.name, u.role, u.disabledAt ? 'disabled' : 'active', u.createdAt])
  const headings = ['id', 'e-mail', 'name', 'role', 'status', 'created']
  const { toManagedUser } = await import('../users/schemas.ts')
  printResult(json, { data: users.map(toManagedUser) }, table(headings, rows))
}

const describe = ({ role, email, id }: User) =>
  printable(`${role === 'admin' ? 'administrator' : 'user'} ${email} (${id})`)
