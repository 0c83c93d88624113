import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import { type Client, GRANT_TYPES, type GrantType, TOKEN_FORMATS } from '../../clients/client.entity.ts'
import { clientTag } from '../../clients/schemas.ts'
import type { Params } from '../../grants/grant.ts'
import type { Catalogue } from '../../scopes/catalogue.ts'
import { type AppPages, alreadyRotated, showSecret } from '../apps/app-secrets.ts'
import { type AppFields, EMPTY, operatorSettingsOf, readFields, removeField } from '../apps/form.ts'
import { type FormError, formErrorOf } from '../form-error.ts'
import { formTag } from '../form-tag.ts'
import { queryParams } from '../query.ts'
import { texts } from '../texts.ts'
import { newFormId } from '../tokens/issued-cookie.ts'

/** What the form is filled in with for each kind of app. */
const KINDS = {
  web: { confidential: true, grants: ['authorization_code', 'refresh_token'] },
  native: { confidential: false, grants: ['authorization_code', 'refresh_token'] },
  device: { confidential: false, grants: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'] },
  machine: { confidential: true, grants: ['client_credentials'] },
  api: { confidential: true, grants: [] },
} as const satisfies Record<string, { confidential: boolean; grants: readonly GrantType[] }>
type Kind = keyof typeof KINDS

export interface EditClientOptions {
  pages: AppPages
  catalogue: Pick<Catalogue, 'scopes'>
  /** Shows the page of an app, with the form as it was sent, or with the current values. */
  detail(
    reply: FastifyReply,
    client: Client,
    refusal: FormError,
    sent?: { settings: AppFields; tag: string },
  ): Promise<string>
}

/** The choices of the form of an app of the deployment. */
export const operatorChoices = (catalogue: Pick<Catalogue, 'scopes'>) => ({
  grants: GRANT_TYPES,
  scopes: catalogue.scopes,
  formats: TOKEN_FORMATS,
})

/** Scopes of an app that are no longer in the catalogue. */
export const removedScopesOf = ({ scopes }: Client, catalogue: Pick<Catalogue, 'scopes'>): string[] =>
  scopes?.filter(id => !catalogue.scopes.some(scope => scope.id === id)) ?? []

export const removedScopeBoxes = (client: Client, catalogue: Pick<Catalogue, 'scopes'>) =>
  removedScopesOf(client, catalogue).map(id => ({ id, name: removeField(id) }))

/** Creates and changes apps of the deployment, of every kind. */
export function editClients({ pages, catalogue, detail }: EditClientOptions): FastifyPluginAsync {
  const { site, clients, frame } = pages
  const path = site.base + pages.path
  const choices = operatorChoices(catalogue)
  const text = texts.manage.clients

  function newForm(reply: FastifyReply, kind: Kind, fields: AppFields, refusal?: FormError) {
    const data = { title: text.create.title, ...frame, kind, kinds: Object.keys(KINDS), fields, choices }
    return reply.page('manage/client-new.eta', { ...data, once: newFormId(), action: path, refusal })
  }

  return async app => {
    app.get('/clients/new', (request, reply) => {
      const kind = kindOf(queryParams(request).kind)
      return newForm(reply, kind, { ...EMPTY, ...KINDS[kind] })
    })

    app.post('/clients', async (request, reply) => {
      const again = alreadyRotated(reply, pages)
      if (again) return again
      const body = (request.body ?? {}) as Params
      const fields = readFields(body)
      try {
        const { client, secret } = await clients.create(operatorSettingsOf(fields))
        if (secret !== undefined) return showSecret(reply, pages, client, secret)
        return reply.redirectTo(`${pages.path}/${client.id}`, 'appCreated', { app: client.name })
      } catch (error) {
        return newForm(reply, kindOf(body.preset), fields, formErrorOf(error))
      }
    })

    app.post('/clients/:id/settings', async (request, reply) => {
      const client = await pages.find(request)
      const tag = formTag(request, clientTag)
      const outdated = tag.refusal(client)
      if (outdated) return detail(reply, client, outdated)
      const fields = readFields((request.body ?? {}) as Params, removedScopesOf(client, catalogue))
      try {
        const changed = await clients.update(client.id, operatorSettingsOf(fields, client), tag.precondition)
        if (changed.secret !== undefined) return showSecret(reply, pages, changed.client, changed.secret)
      } catch (error) {
        return detail(reply, client, formErrorOf(error), { settings: fields, tag: tag.sent })
      }
      return reply.redirectTo(`${pages.path}/${client.id}`, 'clientChanged', { name: fields.name })
    })
  }
}

const kindOf = (given: string | undefined): Kind => (Object.keys(KINDS) as Kind[]).find(kind => kind === given) ?? 'web'
