import type { FastifyPluginAsync } from 'fastify'
import { notFound } from '../../errors/errors.ts'
import type { Authorization, Authorizations } from '../../grants/authorizations.ts'
import { IN_REQUEST } from '../../operations/send.ts'
import type { Catalogue } from '../../scopes/catalogue.ts'
import { operationPath } from '../operations.ts'
import { phrase } from '../phrase.ts'
import { idOf, listPage, queryParams } from '../query.ts'
import { describeScope } from '../scope-description.ts'
import { signedInOf } from '../signed-in.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'

export interface AuthorizationPagesOptions {
  site: Site
  authorizations: Authorizations
  catalogue: Catalogue
}

const text = texts.apps
const section = 'apps' as const

/** The apps that a user authorized: their scopes, their last use, and how to revoke their access. */
export function authorizationPages({ site, authorizations, catalogue }: AuthorizationPagesOptions): FastifyPluginAsync {
  const path = `${site.base}/apps`

  const show = (found: Authorization) => ({
    ...found,
    ownerHtml: ownerOf(found, site.name),
    // A scope that is no longer in the catalogue is shown by its id.
    scopes: found.scopes.map(id => ({
      id,
      description: describeScope(catalogue.scopes.find(s => s.id === id) ?? { id, description: id }),
    })),
  })

  return async app => {
    app.get('/', async (request, reply) => {
      const { id } = signedInOf(request).user
      const list = await listPage(path, queryParams(request), pageRequest => authorizations.list(id, pageRequest), show)
      return reply.page('apps/authorized.eta', { title: text.title, section, tab: 'authorized', list })
    })

    app.get('/:id/withdraw', async (request, reply) => {
      const found = await authorizations.find(signedInOf(request).user.id, idOf(request))
      if (!found) throw notFound('authorization')
      const { title, question, detail, submit } = text.withdraw
      const headingHtml = phrase(question, { app: found.clientName })
      const data = { title, section, headingHtml, detail, submit, back: path }
      return reply.page('confirm-action.eta', { ...data, action: `${path}/${found.clientId}/withdraw` })
    })

    app.post('/:id/withdraw', async (request, reply) => {
      const { id } = signedInOf(request).user
      const found = await authorizations.find(id, idOf(request))
      const { count, complete, operation } = await authorizations.withdraw(id, idOf(request), IN_REQUEST)
      if (operation) return reply.redirectTo(operationPath(operation))
      if (!complete)
        return reply.redirectTo(`/apps/${found?.clientId}/withdraw`, 'tokensRevokedSoFar', { count: String(count) })
      return reply.redirectTo('/apps', 'appWithdrawn', { app: found?.clientName ?? '' })
    })
  }
}

function ownerOf({ owner, registeredItself, metadataUrl }: Authorization, site: string): string {
  const { by, selfAsserted } = texts.consent
  if (metadataUrl !== null) return phrase(selfAsserted.publisher, { host: new URL(metadataUrl).host })
  if (registeredItself) return phrase(by.client, { site })
  return owner ? phrase(by.user, { name: owner.name, site }) : phrase(by.operator, { site })
}
