import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import { isAdminScope } from '../../../packages/guard/src/scope-set.ts'
import type { Client } from '../../clients/client.entity.ts'
import type { Clients } from '../../clients/clients.ts'
import { hasSecret } from '../../clients/secrets.ts'
import type { Params } from '../../grants/grant.ts'
import type { Catalogue } from '../../scopes/catalogue.ts'
import { phrase } from '../phrase.ts'
import { listPage, queryParams } from '../query.ts'
import { type FormError, formErrorOf, signedInOf } from '../signed-in.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { newFormId } from '../tokens/issued-cookie.ts'
import { type AppFields, EMPTY, fieldsOf, GRANTS, readFields, removeField, settingsOf } from './form.ts'
import { ownApp } from './own-app.ts'
import { alreadyRotated, showSecret } from './own-secrets.ts'

export interface OwnAppsOptions {
  site: Site
  clients: Clients
  catalogue: Catalogue
}

const text = texts.apps
const section = 'apps' as const

/** A user's own apps: create, edit and revoke, by the same functions as /api/clients. */
export function ownApps({ site, clients, catalogue }: OwnAppsOptions): FastifyPluginAsync {
  const path = `${site.base}/apps/own`
  const scopes = catalogue.scopes.filter(({ id }) => !isAdminScope(id))
  const choices = { grants: GRANTS, scopes }

  const removedScopesOf = ({ scopes: held }: Client) => held?.filter(id => !scopes.some(scope => scope.id === id)) ?? []

  function newForm(reply: FastifyReply, fields: AppFields, refusal?: FormError) {
    const data = { title: text.create.title, section, fields, choices, refusal: refusal?.message, once: newFormId() }
    return reply.page('apps/new.eta', { ...data, action: path }, { status: refusal?.status ?? 200 })
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
      kept: removedScopes,
      refusal: refusal?.message,
    }
    return reply.page('apps/own-one.eta', { ...data, path: `${path}/${client.id}` }, { status: refusal?.status ?? 200 })
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
      return reply.page('apps/own.eta', { title: text.own.title, section, tab: 'own', list })
    })

    app.get('/new', (_request, reply) => newForm(reply, EMPTY))

    app.post('/', async (request, reply) => {
      const again = alreadyRotated(reply, site)
      if (again) return again
      const fields = readFields((request.body ?? {}) as Params)
      try {
        const made = await clients.create({
          ...settingsOf(fields),
          userId: signedInOf(request).user.id,
          withinQuota: true,
        })
        if (made.secret !== undefined) return showSecret(reply, site, made.client, made.secret)
        return reply.goOn(`/apps/own/${made.client.id}`, 'appCreated', { app: made.client.name })
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
        if (changed.secret !== undefined) return showSecret(reply, site, changed.client, changed.secret)
      } catch (error) {
        return detail(reply, client, fields, formErrorOf(error))
      }
      return reply.goOn(`/apps/own/${client.id}`, 'appChanged')
    })

    app.get('/:id/revoke', async (request, reply) => {
      const { id, name } = await ownApp(clients, request)
      const { title, question, detail, submit } = text.revoke
      const data = { title, section, headingHtml: phrase(question, { app: name }), detail, submit }
      return reply.page('ask-first.eta', { ...data, action: `${path}/${id}/revoke`, back: `${path}/${id}` })
    })

    app.post('/:id/revoke', async (request, reply) => {
      const { id, name } = await ownApp(clients, request)
      await clients.revoke(id)
      return reply.goOn('/apps/own', 'appRevoked', { app: name })
    })
  }
}
