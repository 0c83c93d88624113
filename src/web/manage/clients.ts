import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { DisplayNames } from '../../admin/display-names.ts'
import type { Client } from '../../clients/client.entity.ts'
import type { Clients } from '../../clients/clients.ts'
import { CLIENT_SORTS, type ClientSort } from '../../clients/list.ts'
import { clientTag } from '../../clients/schemas.ts'
import { hasSecret } from '../../clients/secrets.ts'
import type { Verifications } from '../../clients/verifications.ts'
import type { Params } from '../../grants/grant.ts'
import type { Catalogue } from '../../scopes/catalogue.ts'
import { type AppPages, appSecrets } from '../apps/app-secrets.ts'
import { type AppFields, fieldsOf as settingsFieldsOf } from '../apps/form.ts'
import { type FormError, formErrorOf } from '../form-error.ts'
import { formTag } from '../form-tag.ts'
import { phrase } from '../phrase.ts'
import { idOf, listPage, queryParams } from '../query.ts'
import type { Site } from '../site.ts'
import { sortColumns } from '../sort-columns.ts'
import { texts } from '../texts.ts'
import { type EditClientOptions, editClients, operatorChoices, removedScopeBoxes } from './edit-client.ts'
import { verifyClients } from './verify-client.ts'

export interface ManageClientsOptions {
  site: Site
  clients: Clients
  displayNames: DisplayNames
  catalogue: Pick<Catalogue, 'scopes'>
  verifications: Verifications
}

const text = texts.manage.clients
const section = 'manage' as const
const tab = 'clients'

const DEFAULT_SORT: ClientSort = 'created_at'
const COLUMNS = [
  ['name', 'name'],
  ['since', 'created_at'],
] as const

const lines = (typed: string) => typed.split(/\s+/).filter(Boolean)

/** The form fields of what an operator allows an app. */
interface Fields {
  exchange: string
  resources: string
  personal: boolean
  pushed: boolean
}

const fieldsOf = (client: Client): Fields => ({
  exchange: client.exchangeAudiences?.join('\n') ?? '',
  resources: client.resources?.join('\n') ?? '',
  personal: client.issuesPersonalTokens,
  pushed: client.requirePushedRequests,
})

const sentFields = (body: Params): Fields => ({
  exchange: body.exchange_audiences ?? '',
  resources: body.resources ?? '',
  personal: body.issues_personal_tokens !== undefined,
  pushed: body.require_pushed_authorization_requests !== undefined,
})

/** For apps of users, only the requirement to push requests can be changed. */
function toChange(client: Client, { exchange, resources, personal, pushed }: Fields) {
  const demand = { requirePushedRequests: pushed }
  if (!client.isOperators()) return demand
  const more = { ...demand, issuesPersonalTokens: personal }
  return client.isConfidential() ? { ...more, exchangeAudiences: lines(exchange), resources: lines(resources) } : more
}

/** All apps: details, allowed audiences, and revocation. */
export function manageClients({
  site,
  clients,
  displayNames,
  catalogue,
  verifications,
}: ManageClientsOptions): FastifyPluginAsync {
  const path = `${site.base}/manage/clients`

  const ownersOf = (some: readonly Client[]) => displayNames.users(some.map(({ user }) => user))

  const find = (request: FastifyRequest) => clients.find(idOf(request))
  const pages: AppPages = { site, clients, path: '/manage/clients', frame: { section, tab }, find }

  /** @param sent the values of a rejected form */
  async function detail(
    reply: FastifyReply,
    client: Client,
    sent: { permissions?: Fields; settings?: AppFields; tag?: string } = {},
    refusal?: FormError,
  ) {
    const owner = (await ownersOf([client])).get(client.user ?? '')
    return reply.page('manage/client.eta', {
      title: text.one,
      section,
      tab,
      client,
      owner,
      verification: await verifications.find(client),
      tag: sent.tag ?? clientTag(client),
      hasSecret: hasSecret(client) && !client.isSelfAsserted(),
      permissions: sent.permissions ?? fieldsOf(client),
      fields: sent.settings ?? settingsFieldsOf(client),
      choices: operatorChoices(catalogue),
      unavailable: removedScopeBoxes(client, catalogue),
      refused: sent.settings ? 'settings' : 'permissions',
      refusal,
    })
  }

  const edited: EditClientOptions['detail'] = (reply, client, refusal, sent) =>
    detail(reply, client, sent ?? { settings: settingsFieldsOf(client) }, refusal)

  return async app => {
    await app.register(editClients({ pages, catalogue, detail: edited }))
    await app.register(appSecrets(pages), { prefix: '/clients' })
    await app.register(verifyClients({ pages, verifications }))
    await app.register(revokeClients(pages))
    await app.register(listClients({ path, clients, ownersOf }))

    app.get('/clients/:id', async (request, reply) => detail(reply, await clients.find(idOf(request))))

    app.post('/clients/:id', async (request, reply) => {
      const client = await clients.find(idOf(request))
      const tag = formTag(request, clientTag)
      const outdated = tag.refusal(client)
      if (outdated) return detail(reply, client, {}, outdated)
      const fields = sentFields((request.body ?? {}) as Params)
      try {
        await clients.update(client.id, toChange(client, fields), tag.precondition)
      } catch (error) {
        return detail(reply, client, { permissions: fields, tag: tag.sent }, formErrorOf(error))
      }
      return reply.redirectTo(`/manage/clients/${client.id}`, 'clientChanged', { name: client.name })
    })
  }
}

function revokeClients({ site, clients, frame, find, path }: AppPages): FastifyPluginAsync {
  return async app => {
    app.get('/clients/:id/revoke', async (request, reply) => {
      const { id, name } = await find(request)
      const { title, question, detail, submit } = text.revoke
      const data = { title, ...frame, headingHtml: phrase(question, { name }), detail, submit }
      return reply.page('confirm-action.eta', {
        ...data,
        action: `${site.base}${path}/${id}/revoke`,
        back: `${site.base}${path}/${id}`,
      })
    })

    app.post('/clients/:id/revoke', async (request, reply) => {
      const { id, name } = await find(request)
      await clients.revoke(id)
      return reply.redirectTo(`${path}/${id}`, 'clientRevoked', { name })
    })
  }
}

interface ListClientsOptions {
  path: string
  clients: Clients
  ownersOf: (some: readonly Client[]) => ReturnType<DisplayNames['users']>
}

/** All apps, with search, order and pages. */
function listClients({ path, clients, ownersOf }: ListClientsOptions): FastifyPluginAsync {
  return async app => {
    app.get('/clients', async (request, reply) => {
      const query = queryParams(request)
      const { search } = query
      const sort = CLIENT_SORTS.find(each => each === query.sort) ?? DEFAULT_SORT
      const list = await listPage(
        path,
        query,
        pageRequest => clients.list({ ...pageRequest, search, sort }),
        client => client,
      )
      const owners = await ownersOf(list.rows)
      const columns = sortColumns(path, search === undefined ? {} : { search }, sort, COLUMNS)
      const data = { title: text.title, section, tab, list, owners, search, sort }
      return reply.page('manage/clients.eta', {
        ...data,
        columns: Object.fromEntries(columns.map(column => [column.name, column])),
      })
    })
  }
}
