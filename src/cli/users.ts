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
  const user = postern.command('user').description('Create, change, disable, enable, unlock and list users.')

  user
    .command('create')
    .description('Create a user. The password is asked for on a terminal, or read from standard input.')
    .requiredOption('--email <address>', 'e-mail address, by which the user signs in')
    .requiredOption('--name <name>', 'name that people see')
    .option('--admin', 'make an administrator')
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
      'Give a user a new password, which signs them out everywhere. It is asked for, or read from standard input.',
    )
    .requiredOption('--email <user>', 'e-mail address or id')
    .option('--password-stdin', 'read the password from standard input')
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      examples('pass show ada | postern user set-password --email ada@example.com --password-stdin'),
    )
    .action(setPassword)

  user
    .command('set-role')
    .description('Make a user an administrator, or an administrator a user. The last administrator stays one.')
    .requiredOption('--email <user>', 'e-mail address or id')
    .addOption(new Option('--role <role>', 'what the user becomes').choices(['user', 'admin']).makeOptionMandatory())
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern user set-role --email ada@example.com --role admin'))
    .action(setRole)

  user
    .command('update')
    .description('Change the name or the e-mail address of a user.')
    .argument('<user>', 'e-mail address or id')
    .option('--name <name>', 'new name')
    .option('--email <address>', 'new e-mail address')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern user update ada@example.com --name "Ada King"'))
    .action(update)

  user
    .command('disable')
    .description('Disable a user: none of their tokens opens anything from the next request on.')
    .argument('<user>', 'e-mail address or id')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern user disable ada@example.com'))
    .action((who: string, { json }: JsonOption) => change(who, json, 'disable'))

  user
    .command('enable')
    .description('Enable a user again: tokens that are neither revoked nor expired work as before.')
    .argument('<user>', 'e-mail address or id')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern user enable ada@example.com'))
    .action((who: string, { json }: JsonOption) => change(who, json, 'enable'))

  user
    .command('unlock')
    .description(
      'Forget the failed sign-ins of a user, so that the next attempt is not delayed. Those of an address count on.',
    )
    .argument('<user>', 'e-mail address or id')
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
  throw new CommandError(`There is no user ${who}. See who there is: postern user list`)
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
  await answerUser(json, user, 'The role is set:')
}

async function update(
  who: string,
  { name, email, json }: JsonOption & { name?: string; email?: string },
): Promise<void> {
  if (name === undefined && email === undefined) throw new UsageError('Say what changes: --name, --email.')
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
  const rows = users.map(u => [u.id, u.email, u.name, u.role, u.disabledAt ? 'disabled' : 'enabled', u.createdAt])
  const headings = ['id', 'e-mail', 'name', 'role', 'state', 'created']
  const { toManagedUser } = await import('../admin/schemas.ts')
  answer(json, { data: users.map(toManagedUser) }, table(headings, rows))
}

const describe = ({ role, email, id }: User) =>
  printable(`${role === 'admin' ? 'administrator' : 'user'} ${email} (${id})`)
