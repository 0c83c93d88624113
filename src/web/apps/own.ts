import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import { isAdminScope } from '../../../packages/guard/src/scope-set.ts'
import type { Client } from '../../clients/client.entity.ts'
import type { Clients } from '../../clients/clients.ts'
import { hasSecret } from '../../clients/secrets.ts'
import type { Params } from '../../grants/grant.ts'
import type { Catalogue } from '../../scopes/catalogue.ts'
import { type FormError, formErrorOf } from '../form-error.ts'
import { listPage, queryParams } from '../query.ts'
import { signedInOf } from '../signed-in.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { newFormId } from '../tokens/issued-cookie.ts'
import { type AppPages, alreadyRotated, showSecret } from './app-secrets.ts'
import { type AppFields, EMPTY, fieldsOf, GRANTS, readFields, removeField, settingsOf } from './form.ts'
import { ownApp } from './own-app.ts'

export interface OwnAppsOptions {
  site: Site
  clients: Clients
  catalogue: Catalogue
}

const text = texts.apps
const section = 'apps' as const

/** A user's own apps: create and edit, by the same functions as /api/clients. */
export function ownApps({ site, clients, catalogue, pages }: OwnAppsOptions & { pages: AppPages }): FastifyPluginAsync {
  const path = `${site.base}/apps/own`
  const scopes = catalogue.scopes.filter(({ id }) => !isAdminScope(id))
  const choices = { grants: GRANTS, scopes }

  const removedScopesOf = ({ scopes: allowed }: Client) =>
    allowed?.filter(id => !scopes.some(scope => scope.id === id)) ?? []

  function newForm(reply: FastifyReply, fields: AppFields, refusal?: FormError) {
    const data = { title: text.create.title, section, fields, choices, refusal, once: newFormId() }
    return reply.page('apps/new.eta', { ...data, action: path })
  }

  function detail(reply: FastifyReply, client: Client, fields = fieldsOf(client), refusal?: FormError) {
    const removedScopes = removedScopesOf(client).map(id => ({ id, name: removeField(id) }))
    const data = {
      title: text.one,
      section,
      client,
      hasSecret: hasSecret(client),
      fields,
      choices,
      unavailable: removedScopes,
      refusal,
    }
    return reply.page('apps/own-app.eta', { ...data, path: `${path}/${client.id}` })
  }

  return async app => {
    app.get('/', async (request, reply) => {
      const userId = signedInOf(request).user.id
      const list = await listPage(
        path,
        queryParams(request),
        pageRequest => clients.list({ ...pageRequest, userId }),
        client => client,
      )
      return reply.page('apps/own-list.eta', { title: text.own.title, section, tab: 'own', list })
    })

    app.get('/new', (_request, reply) => newForm(reply, EMPTY))

    app.post('/', async (request, reply) => {
      const again = alreadyRotated(reply, pages)
      if (again) return again
      const fields = readFields((request.body ?? {}) as Params)
      try {
        const created = await clients.create({
          ...settingsOf(fields),
          userId: signedInOf(request).user.id,
          withinQuota: true,
        })
        if (created.secret !== undefined) return showSecret(reply, pages, created.client, created.secret)
        return reply.redirectTo(`/apps/own/${created.client.id}`, 'appCreated', { app: created.client.name })
      } catch (error) {
        return newForm(reply, fields, formErrorOf(error))
      }
    })

    app.get('/:id', async (request, reply) => detail(reply, await ownApp(clients, request)))

    app.post('/:id', async (request, reply) => {
      const client = await ownApp(clients, request)
      const fields = readFields((request.body ?? {}) as Params, removedScopesOf(client))
      try {
        const changed = await clients.update(client.id, settingsOf(fields, client))
        if (changed.secret !== undefined) return showSecret(reply, pages, changed.client, changed.secret)
      } catch (error) {
        return detail(reply, client, fields, formErrorOf(error))
      }
      return reply.redirectTo(`/apps/own/${client.id}`, 'appChanged')
    })
  }
}
