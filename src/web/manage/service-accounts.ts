import type { FastifyInstance, FastifyPluginAsync, FastifyReply } from 'fastify'
import { checkAllAsync, invalid } from '../../errors/errors.ts'
import type { Params } from '../../grants/grant.ts'
import type { Catalogue } from '../../scopes/catalogue.ts'
import type { NewAccount, ServiceAccounts } from '../../service-accounts/accounts.ts'
import type { Account } from '../../service-accounts/read.ts'
import { accountTag } from '../../service-accounts/schemas.ts'
import { ROLES, type Role } from '../../users/user.entity.ts'
import type { UserIds } from '../../users/user-ids.ts'
import type { Users } from '../../users/users.ts'
import { type FormError, formErrorOf } from '../form-error.ts'
import { formTag } from '../form-tag.ts'
import { idOf, listPage, queryParams } from '../query.ts'
import { chosenScopes, scopeChoice } from '../scope-choice.ts'
import { signedInOf } from '../signed-in.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { userOf } from './filter.ts'
import { accountActions } from './service-account-actions.ts'

export interface ManageAccountsOptions {
  site: Site
  serviceAccounts: ServiceAccounts
  users: Users
  userIds: UserIds
  catalogue: Catalogue
}

/** The values of the form. */
interface FormValues {
  name: string
  description: string
  role: Role
  /** null: every scope. */
  scopes: readonly string[] | null
  maintainer: string
}

const text = texts.manage.serviceAccounts
const section = 'manage' as const
const tab = 'service-accounts'
const LIMITED = 'limited'

/** All service accounts: search, create and change. */
export function manageAccounts(options: ManageAccountsOptions): FastifyPluginAsync {
  const pages = createAccountPages(options)
  return async app => {
    accountList(app, options)
    newAccount(app, options, pages)
    oneAccount(app, options, pages)
    await app.register(accountActions(options, pages.accountPage))
  }
}

function createAccountPages({ catalogue }: ManageAccountsOptions) {
  function formData({ scopes, role, ...values }: FormValues) {
    // Every scope has a box: whether the role allows it is known when the form is sent.
    const choice = scopeChoice(catalogue, {
      checked: scopes ?? [],
      role: 'admin',
      wildcard: texts.tokens.form.wildcard,
    })
    return { values: { ...values, role }, choice, limited: scopes !== null, roles: ROLES }
  }

  function newPage(reply: FastifyReply, values: FormValues, refusal?: FormError) {
    const data = { title: text.new, section, tab, ...formData(values), refusal }
    return reply.page('manage/service-account-new.eta', data)
  }

  function accountPage(
    reply: FastifyReply,
    account: Account,
    filled: Partial<FormValues> = {},
    refusal?: FormError,
    shownTag = accountTag(account),
  ) {
    const { name, description, role, allowedScopes: scopes } = account
    const values = { name, description, role, scopes, maintainer: '', ...filled }
    const data = { title: text.one, section, tab, account, shownTag, ...formData(values), refusal }
    return reply.page('manage/service-account.eta', data)
  }

  return { newPage, accountPage }
}

type AccountPages = ReturnType<typeof createAccountPages>

function accountList(app: FastifyInstance, { site, serviceAccounts }: ManageAccountsOptions): void {
  app.get('/service-accounts', async (request, reply) => {
    const query = queryParams(request)
    const search = query.q
    const path = `${site.base}/manage/service-accounts`
    const list = await listPage(
      path,
      query,
      pageRequest => serviceAccounts.list({ ...pageRequest, search }),
      account => account,
    )
    return reply.page('manage/service-accounts.eta', { title: text.title, section, tab, list, search })
  })
}

function newAccount(
  app: FastifyInstance,
  { users, userIds, serviceAccounts }: ManageAccountsOptions,
  { newPage }: AccountPages,
): void {
  async function maintainersOf(given: string): Promise<string[]> {
    const person = await userOf({ ...users, ...userIds }, given || undefined, 'maintainers')
    if (person) return [person.id]
    throw invalid({ path: 'maintainers', message: texts.manage.tokens.conditions.noUser })
  }

  app.get('/service-accounts/new', (request, reply) =>
    newPage(reply, {
      name: '',
      description: '',
      role: 'user',
      scopes: null,
      maintainer: signedInOf(request).user.email ?? '',
    }),
  )

  app.post('/service-accounts', async (request, reply) => {
    const values = valuesOf((request.body ?? {}) as Params)
    try {
      const { maintainers } = await checkAllAsync({
        maintainers: async () => maintainersOf(values.maintainer),
        settings: async () => serviceAccounts.check(toInput(values)),
      })
      const account = await serviceAccounts.create({ ...toInput(values), maintainers })
      return reply.redirectTo(`/manage/service-accounts/${account.id}`, 'accountCreated', { name: account.name })
    } catch (error) {
      return newPage(reply, values, formErrorOf(error))
    }
  })
}

function oneAccount(
  app: FastifyInstance,
  { serviceAccounts }: ManageAccountsOptions,
  { accountPage }: AccountPages,
): void {
  app.get('/service-accounts/:id', async (request, reply) =>
    accountPage(reply, await serviceAccounts.find(idOf(request))),
  )

  app.post('/service-accounts/:id', async (request, reply) => {
    const account = await serviceAccounts.find(idOf(request))
    const shown = formTag(request, accountTag)
    const outdated = shown.refusal(account)
    if (outdated) return accountPage(reply, account, {}, outdated)
    const values = valuesOf((request.body ?? {}) as Params)
    try {
      const { name } = await serviceAccounts.update(account.id, toInput(values), shown.precondition)
      return reply.redirectTo(`/manage/service-accounts/${account.id}`, 'accountChanged', { name })
    } catch (error) {
      return accountPage(reply, account, values, formErrorOf(error), shown.sent)
    }
  })
}

const toInput = ({ name, description, role, scopes }: FormValues): Omit<NewAccount, 'maintainers'> => ({
  name,
  description,
  role,
  allowedScopes: scopes,
})

function valuesOf(fields: Params): FormValues {
  const { name = '', description = '', role, maintainer = '', limit } = fields
  return {
    name,
    description: description.replaceAll('\r\n', '\n'),
    role: ROLES.find(each => each === role) ?? 'user',
    scopes: limit === LIMITED ? chosenScopes(fields) : null,
    maintainer,
  }
}
