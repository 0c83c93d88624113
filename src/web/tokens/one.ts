import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Params } from '../../grants/grant.ts'
import type { Catalogue } from '../../scopes/catalogue.ts'
import type { AccessToken } from '../../tokens/token.entity.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import type { Role } from '../../users/user.entity.ts'
import { asWritten } from '../phrase.ts'
import { idOf } from '../query.ts'
import { changedScopes, scopeChoice } from '../scope-choice.ts'
import { type FormError, formErrorOf, signedInOf } from '../signed-in.ts'
import { texts } from '../texts.ts'
import type { ShowIssued } from './show-issued.ts'
import { nameOf, type TokenViews } from './view.ts'

export interface SingleTokenPagesOptions {
  tokens: Tokens
  catalogue: Catalogue
  view: TokenViews
  show: ShowIssued
}

interface FormValues {
  name: string
  scopes: readonly string[]
}

const section = 'tokens' as const

/** Seconds that the old token stays valid, by the value of the form. */
const OVERLAPS = { none: 0, hour: 3_600, day: 86_400, week: 604_800 } as const
type Overlap = keyof typeof OVERLAPS

/** The page of a personal access token: details, edit, rotate, suspend and revoke. */
export function singleTokenPages({ tokens, catalogue, view, show }: SingleTokenPagesOptions): FastifyPluginAsync {
  const find = (request: FastifyRequest) => tokens.find(signedInOf(request).user.id, idOf(request))

  const choiceOf = (role: Role, { scopes: existing }: AccessToken, checked: readonly string[] = existing) =>
    scopeChoice(catalogue, { checked, existing, role, wildcard: texts.tokens.form.wildcard })

  function tokenPage(
    request: FastifyRequest,
    reply: FastifyReply,
    token: AccessToken,
    filled?: FormValues,
    no?: FormError,
  ) {
    const { role } = signedInOf(request).user
    const { name, scopes } = filled ?? { name: asWritten(token.name ?? ''), scopes: token.scopes }
    const data = {
      title: nameOf(token),
      section,
      token: view(token),
      name,
      choice: choiceOf(role, token, scopes),
      overlaps: Object.keys(OVERLAPS),
      once: show.newFormId(),
      refusal: no?.message,
    }
    return reply.page('tokens/one.eta', data, { status: no?.status ?? 200 })
  }

  /** Runs an action on a token. If it fails, shows the page of the token with the error. */
  async function attempt<T>(request: FastifyRequest, reply: FastifyReply, work: () => Promise<T>, filled?: FormValues) {
    try {
      return await work()
    } catch (error) {
      return tokenPage(request, reply, await find(request), filled, formErrorOf(error))
    }
  }

  return async app => {
    app.get('/tokens/:id', async (request, reply) => tokenPage(request, reply, await find(request)))

    app.post('/tokens/:id', async (request, reply) => {
      const { user } = signedInOf(request)
      const fields = (request.body ?? {}) as Params
      const before = await find(request)
      const filled = { name: fields.name ?? '', scopes: changedScopes(fields, choiceOf(user.role, before)) }
      return attempt(
        request,
        reply,
        async () => {
          // Unchanged scopes are left out, because a change makes guards introspect a token that they could check offline.
          const scopes = sameScopes(filled.scopes, before.scopes) ? undefined : filled.scopes
          const token = await tokens.change(user, before.id, { name: filled.name, scopes })
          return reply.goOn(`/tokens/${token.id}`, 'tokenChanged', { name: nameOf(token) })
        },
        filled,
      )
    })

    for (const [action, suspended, notice] of [
      ['suspend', true, 'tokenSuspended'],
      ['resume', false, 'tokenResumed'],
    ] as const) {
      app.post(`/tokens/:id/${action}`, (request, reply) =>
        attempt(request, reply, async () => {
          const token = await tokens.change(signedInOf(request).user, idOf(request), { suspended })
          return reply.goOn(`/tokens/${token.id}`, notice, { name: nameOf(token) })
        }),
      )
    }

    app.post('/tokens/:id/rotate', (request, reply) => {
      const before = show.before(request, reply)
      if (before) return before
      const overlap = OVERLAPS[overlapOf(request)]
      return attempt(request, reply, async () => {
        const issued = await tokens.rotate(signedInOf(request).user, idOf(request), { overlapSeconds: overlap })
        return show.show(request, reply, issued, overlap)
      })
    })

    app.get('/tokens/:id/revoke', async (request, reply) =>
      reply.page('tokens/revoke.eta', { title: texts.tokens.revoke.title, section, token: view(await find(request)) }),
    )

    app.post('/tokens/:id/revoke', async (request, reply) => {
      const token = await find(request)
      const count = await tokens.revoke(signedInOf(request).user.id, token.id)
      const values = { name: nameOf(token), count: String(count - 1) }
      return reply.goOn('/tokens', count > 1 ? 'tokenRevokedWith' : 'tokenRevoked', values)
    })
  }
}

const overlapOf = ({ body }: FastifyRequest): Overlap => {
  const { overlap = '' } = (body ?? {}) as Params
  return Object.hasOwn(OVERLAPS, overlap) ? (overlap as Overlap) : 'none'
}

const sameScopes = (one: readonly string[], other: readonly string[]) =>
  one.length === other.length && one.every(scope => other.includes(scope))
