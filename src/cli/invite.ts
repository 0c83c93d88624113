import type { Command } from 'commander'
import type { Invitation } from '../users/account-mail.ts'
import { UsageError } from './errors.ts'
import { examples, JSON_OPTION, type JsonOption } from './options.ts'
import { printResult, time } from './output.ts'
import { withServices } from './services.ts'

interface InviteOptions extends JsonOption {
  name?: string
  admin?: boolean
}

/** `postern user invite` */
export function inviteCommand(user: Command): void {
  user
    .command('invite')
    .description(
      'Invite a user to choose a password: a new one, or one who has not chosen a password yet. With SMTP_URL the link ' +
        'is sent by mail, otherwise it is printed.',
    )
    .argument('<address>', 'e-mail address that the user signs in with')
    .option('--name <name>', 'display name of a new user')
    .option('--admin', 'create an administrator')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern user invite ada@example.com --name "Ada Lovelace"'))
    .action(invite)
}

async function invite(email: string, { name, admin, json }: InviteOptions): Promise<void> {
  const invitation = await withServices(async ({ users, accountMail }) => {
    const existing = await users.findByEmail(email)
    if (existing) return accountMail.inviteAgain(existing)
    if (name === undefined) throw new UsageError(`There is no user ${email}. Add --name to create one.`)
    return accountMail.invite({ email, name, role: admin ? 'admin' : 'user' })
  }, 'create')
  const { toInvitation } = await import('../admin/schemas.ts')
  const { toManagedUser } = await import('../users/schemas.ts')
  const data = { data: toManagedUser(invitation.user), invitation: toInvitation(invitation) }
  printResult(json, data, report(invitation))
}

function report(invitation: Invitation): string {
  const { email } = invitation.user
  if (invitation.sent) return `An invitation is on its way to ${email}`
  return `Send this link to ${email}. It is valid once, until ${time(invitation.expiresAt)}:\n${invitation.url}`
}
