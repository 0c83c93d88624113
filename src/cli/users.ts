import { type Command, Option } from 'commander'
import type { Services } from '../services.ts'
import { isUuid } from '../text/uuid.ts'
import type { Role, User } from '../users/user.entity.ts'
import { CommandError, UsageError } from './errors.ts'
import { examples, JSON_OPTION, type JsonOption } from './options.ts'
import { answer, printable, table } from './output.ts'
import { readPassword } from './password.ts'
import { everyRow, withServices } from './services.ts'

interface CreateOptions extends JsonOption {
  email: string
  name: string
  admin?: boolean
  passwordStdin?: boolean
}

export function userCommands(postern: Command): void {
  const user = postern.command('user').description('Create, update, disable, enable, unlock and list users.')

  user
    .command('create')
    .description('Create a user. The password is read from a prompt or from standard input.')
    .requiredOption('--email <address>', 'e-mail address that the user signs in with')
    .requiredOption('--name <name>', 'name that people see')
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

  user
    .command('list')
    .description('List the users, oldest first.')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern user list', "postern user list --json | jq -r '.data[].email'"))
    .action(list)
}

/** @throws CommandError when there is no such user */
export async function findUser({ users }: Services, who: string): Promise<User> {
  const user = isUuid(who) ? await users.find(who) : await users.findByEmail(who)
  if (user) return user
  throw new CommandError(`There is no user ${who}. List all users: postern user list`)
}

async function create({ email, name, admin, passwordStdin, json }: CreateOptions): Promise<void> {
  const password = await readPassword(passwordStdin)
  const role = admin ? 'admin' : 'user'
  const user = await withServices(({ users }) => users.create({ email, name, password, role }), 'create')
  const { toManagedUser } = await import('../admin/schemas.ts')
  answer(json, { data: toManagedUser(user) }, `Created ${describe(user)}`)
}

type Changing = JsonOption & { email: string; passwordStdin?: boolean; role: Role }

async function setPassword({ email: who, passwordStdin, json }: Changing): Promise<void> {
  const password = await readPassword(passwordStdin)
  const user = await withServices(async services =>
    services.users.update((await findUser(services, who)).id, { password }),
  )
  await answerUser(json, user, 'Set the password of')
}

async function setRole({ email: who, role, json }: Changing): Promise<void> {
  const user = await withServices(async services => {
    const found = await findUser(services, who)
    if (found.role === role) return found
    return services.users.update(found.id, { role })
  })
  await answerUser(json, user, 'Set the role of')
}

async function update(
  who: string,
  { name, email, json }: JsonOption & { name?: string; email?: string },
): Promise<void> {
  if (name === undefined && email === undefined) throw new UsageError('Nothing to change. Use --name or --email.')
  const user = await withServices(async services =>
    services.users.update((await findUser(services, who)).id, { name, email }),
  )
  await answerUser(json, user, 'Updated')
}

async function answerUser(json: boolean | undefined, user: User, what: string): Promise<void> {
  const { toManagedUser } = await import('../admin/schemas.ts')
  answer(json, { data: toManagedUser(user) }, `${what} ${describe(user)}`)
}

const DONE = { disable: 'Disabled', enable: 'Enabled', unlock: 'Unlocked' } as const

async function change(who: string, json: boolean | undefined, what: keyof typeof DONE): Promise<void> {
  const user = await withServices(async services => services.users[what]((await findUser(services, who)).id))
  const { toManagedUser } = await import('../admin/schemas.ts')
  answer(json, { data: toManagedUser(user) }, `${DONE[what]} ${describe(user)}`)
}

async function list({ json }: JsonOption): Promise<void> {
  const users = await withServices(services => everyRow(page => services.users.list(page)), 'read')
  const rows = users.map(u => [u.id, u.email, u.name, u.role, u.disabledAt ? 'disabled' : 'active', u.createdAt])
  const headings = ['id', 'e-mail', 'name', 'role', 'status', 'created']
  const { toManagedUser } = await import('../admin/schemas.ts')
  answer(json, { data: users.map(toManagedUser) }, table(headings, rows))
}

const describe = ({ role, email, id }: User) =>
  printable(`${role === 'admin' ? 'administrator' : 'user'} ${email} (${id})`)
