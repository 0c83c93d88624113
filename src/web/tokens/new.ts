import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Resources } from '../../clients/resources.ts'
import type { Config } from '../../config/config.ts'
import type { Params } from '../../grants/grant.ts'
import { type Catalogue, TOKENS_ROTATE } from '../../scopes/catalogue.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import type { SafeUser } from '../../users/user.entity.ts'
import { chosenScopes, scopeChoice } from '../scope-choice.ts'
import { type FormError, formErrorOf, signedInOf } from '../signed-in.ts'
import { texts } from '../texts.ts'
import { chosenExpiry, expiryChoice } from './expiry.ts'
import { chosenResources, resourceChoice } from './resource-choice.ts'
import type { ShowIssued } from './show-issued.ts'

export interface NewTokenOptions {
  tokens: Tokens
  catalogue: Catalogue
  resources: Pick<Resources, 'list'>
  show: ShowIssued
  config: Pick<Config, 'tokenMaxLifetime'>
}

/** The values of the form. */
interface FormValues {
  name: string
  expiresIn: string | undefined
  expiresOn: string | undefined
  scopes: readonly string[]
  resources: readonly string[]
}

const text = texts.tokens.form

/** The form that creates a personal access token. A link can fill it in, but only the user can submit it. */
export function newTokenPages({ tokens, catalogue, resources, show, config }: NewTokenOptions): FastifyPluginAsync {
  const maxLifetime = config.tokenMaxLifetime

  async function form(reply: FastifyReply, user: SafeUser, filled: FormValues, refusal?: FormError) {
    const data = {
      title: text.title,
      section: 'tokens' as const,
      name: filled.name,
      expiry: expiryChoice(maxLifetime, filled.expiresIn, filled.expiresOn),
      choice: scopeChoice(catalogue, { checked: filled.scopes, role: user.role, wildcard: text.wildcard }),
      resources: resourceChoice(await resources.list(), filled.resources),
      once: show.newFormId(),
      refusal: refusal?.message,
    }
    return reply.page('tokens/new.eta', data, { status: refusal?.status ?? 200 })
  }

  return async app => {
    app.get('/tokens/new', (request, reply) =>
      form(reply, signedInOf(request).user, fromLink(request, [...catalogue.defaults, TOKENS_ROTATE])),
    )

    app.post('/tokens', async (request, reply) => {
      const { user } = signedInOf(request)
      const fields = (request.body ?? {}) as Params
      const before = show.before(request, reply)
      if (before) return before
      const scopes = chosenScopes(fields)
      const chosen = chosenResources(fields)
      const { name = '', expires_in: expiresIn, expires_on: expiresOn } = fields
      try {
        const expiresAt = chosenExpiry(maxLifetime, expiresIn, expiresOn)
        const issued = await tokens.issuePersonal({
          user,
          name,
          scopes,
          expiresAt,
          resources: chosen,
          withinQuota: true,
        })
        return show.show(request, reply, issued)
      } catch (error) {
        const formError = formErrorOf(error)
        const refusal = name.trim() === '' ? { ...formError, message: text.noName } : formError
        return form(reply, user, { name, expiresIn, expiresOn, scopes, resources: chosen ?? [] }, refusal)
      }
    })
  }
}

/** `?name=deploy&scopes=orders:read,orders:create&expires_in=30d`; invalid values are ignored. */
function fromLink({ query }: FastifyRequest, defaults: readonly string[]): FormValues {
  const { name, scopes, resources, expires_in } = query as Record<string, unknown>
  return {
    name: typeof name === 'string' ? name.slice(0, 255) : '',
    expiresIn: typeof expires_in === 'string' ? expires_in : undefined,
    expiresOn: undefined,
    resources: typeof resources === 'string' ? resources.split(/[\s,]+/) : [],
    scopes: typeof scopes === 'string' ? scopes.split(/[\s,]+/) : defaults,
  }
}
