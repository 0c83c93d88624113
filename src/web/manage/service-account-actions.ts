import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import type { Params } from '../../grants/grant.ts'
import type { ServiceAccounts } from '../../service-accounts/accounts.ts'
import type { Account } from '../../service-accounts/read.ts'
import type { UserIds } from '../../users/user-ids.ts'
import type { Users } from '../../users/users.ts'
import { type FormError, formErrorOf } from '../form-error.ts'
import { idOf } from '../query.ts'
import { userOf } from './filter.ts'

export interface AccountActionsOptions {
  serviceAccounts: ServiceAccounts
  users: Users
  userIds: UserIds
}

/** Shows the page of an account again, with the reason that a form was refused. */
type AccountPage = (
  reply: FastifyReply,
  account: Account,
  filled: { maintainer?: string },
  refusal: FormError,
) => Promise<string>

/** Actions on a service account: disable, enable, add and remove maintainers. */
export function accountActions(
  { serviceAccounts, users, userIds }: AccountActionsOptions,
  accountPage: AccountPage,
): FastifyPluginAsync {
  return async app => {
    for (const [act, notice] of [
      ['disable', 'accountDisabled'],
      ['enable', 'accountEnabled'],
    ] as const) {
      app.post(`/service-accounts/:id/${act}`, async (request, reply) => {
        const { id, name } = await serviceAccounts[act](idOf(request))
        return reply.redirectTo(`/manage/service-accounts/${id}`, notice, { name })
      })
    }

    app.post('/service-accounts/:id/maintainers', async (request, reply) => {
      const account = await serviceAccounts.find(idOf(request))
      const { maintainer = '' } = (request.body ?? {}) as Params
      try {
        const person = await userOf({ ...users, ...userIds }, maintainer, 'maintainer')
        await serviceAccounts.addMaintainer(account.id, person?.id ?? '', 'maintainer')
        return reply.redirectTo(`/manage/service-accounts/${account.id}`, 'maintainerAdded', {
          name: person?.name ?? '',
        })
      } catch (error) {
        return accountPage(reply, account, { maintainer }, formErrorOf(error))
      }
    })

    app.post('/service-accounts/:id/maintainers/:user/remove', async (request, reply) => {
      const account = await serviceAccounts.find(idOf(request))
      const { user } = request.params as { user: string }
      try {
        await serviceAccounts.removeMaintainer(account.id, user)
        return reply.redirectTo(`/manage/service-accounts/${account.id}`, 'maintainerRemoved')
      } catch (error) {
        return accountPage(reply, account, {}, formErrorOf(error))
      }
    })
  }
}
