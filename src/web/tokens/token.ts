import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { Params } from '../../grants/grant.ts'
import type { AccessToken } from '../../tokens/token.entity.ts'
import type { TokenChange, Tokens } from '../../tokens/tokens.ts'
import { type FormError, formErrorOf } from '../form-error.ts'
import { idOf } from '../query.ts'
import { changedScopes } from '../scope-choice.ts'
import type { PageOwner, PageOwnerOf } from './owner.ts'
import { createTokenPage, type FormValues, OVERLAPS, type Overlap, type TokenPageOptions } from './token-page.ts'
import { nameOf } from './view.ts'

export type SingleTokenPagesOptions = TokenPageOptions & { tokens: Tokens; ownerOf: PageOwnerOf }

/** The error of a form without fields, such as a button. */
const withoutFields = ({ message, errors = {}, ...refusal }: FormError): FormError => ({
  ...refusal,
  message: [message, ...Object.values(errors)].filter(Boolean).join(' '),
})

/** Finds a token, changes it, and shows its page. */
function createEditor({ tokens, ownerOf, ...options }: SingleTokenPagesOptions) {
  const { tokenPage, choiceOf } = createTokenPage(options)

  async function find(request: FastifyRequest): Promise<Found> {
    const owned = await ownerOf(request)
    return { owned, token: await tokens.find(owned.owner.id, idOf(request)) }
  }

  /** Runs an action on a token. If it fails, shows the page of the token with the error. */
  async function attempt<T>(
    request: FastifyRequest,
    reply: FastifyReply,
    work: (found: Found) => Promise<T>,
    filled?: FormValues,
  ) {
    const found = await find(request)
    try {
      return await work(found)
    } catch (error) {
      const refusal = filled ? formErrorOf(error) : withoutFields(formErrorOf(error))
      return tokenPage(found.owned, reply, (await find(request)).token, filled, refusal)
    }
  }

  const change = ({ owner, limits }: PageOwner, id: string, values: TokenChange): Promise<AccessToken> =>
    tokens.change(owner, id, values, limits.issuingToken, undefined, limits.authorize)

  return { find, attempt, change, tokenPage, choiceOf }
}

type Editor = ReturnType<typeof createEditor>
interface Found {
  owned: PageOwner
  token: AccessToken
}

/** The page of a personal access token: facts, scopes, history; edit, rotate and suspend. */
export function singleTokenPages(options: SingleTokenPagesOptions): FastifyPluginAsync {
  const editor = createEditor(options)
  return async app => {
    await app.register(editPages(editor))
    await app.register(actions(options, editor))
  }
}

function editPages({ find, attempt, change, tokenPage, choiceOf }: Editor): FastifyPluginAsync {
  return async app => {
    app.get('/tokens/:id', async (request, reply) => {
      const { owned, token } = await find(request)
      return tokenPage(owned, reply, token)
    })

    app.post('/tokens/:id', async (request, reply) => {
      const fields = (request.body ?? {}) as Params
      const { owned, token: before } = await find(request)
      const filled = { name: fields.name ?? '', scopes: changedScopes(fields, choiceOf(owned, before)) }
      const work = async () => {
        // Unchanged scopes are left out, because a change makes guards introspect a token that they could check offline.
        const scopes = sameScopes(filled.scopes, before.scopes) ? undefined : filled.scopes
        owned.assertMayGrant(scopes ?? [])
        const token = await change(owned, before.id, { name: filled.name, scopes })
        return reply.redirectTo(`${owned.path}/${token.id}`, 'tokenChanged', { name: nameOf(token) })
      }
      return attempt(request, reply, work, filled)
    })

    app.post('/tokens/:id/scopes/remove', (request, reply) =>
      attempt(request, reply, async ({ owned, token: { id, scopes } }) => {
        const { scope = '' } = (request.body ?? {}) as Params
        if (!scopes.includes(scope)) return reply.redirectTo(`${owned.path}/${id}`)
        const token = await change(owned, id, { scopes: scopes.filter(each => each !== scope) })
        return reply.redirectTo(`${owned.path}/${id}`, 'scopeRemoved', { name: nameOf(token), scope })
      }),
    )
  }
}

function actions({ tokens, show, ownerOf }: SingleTokenPagesOptions, { attempt, change }: Editor): FastifyPluginAsync {
  return async app => {
    for (const [action, suspended, notice] of [
      ['suspend', true, 'tokenSuspended'],
      ['resume', false, 'tokenResumed'],
    ] as const) {
      app.post(`/tokens/:id/${action}`, (request, reply) =>
        attempt(request, reply, async ({ owned, token: { id, scopes } }) => {
          if (!suspended) owned.assertMayGrant(scopes)
          const token = await change(owned, id, { suspended })
          return reply.redirectTo(`${owned.path}/${token.id}`, notice, { name: nameOf(token) })
        }),
      )
    }

    app.post('/tokens/:id/rotate', async (request, reply) => {
      const before = show.before(request, reply, await ownerOf(request))
      if (before) return before
      const overlapSeconds = OVERLAPS[overlapOf(request)]
      return attempt(request, reply, async ({ owned, token: { id, scopes } }) => {
        owned.assertMayGrant(scopes)
        const options = { ...owned.limits, overlapSeconds, withinQuota: true }
        return show.show(request, reply, await tokens.rotate(owned.owner, id, options), owned, overlapSeconds)
      })
    })
  }
}

const overlapOf = ({ body }: FastifyRequest): Overlap => {
  const { overlap = '' } = (body ?? {}) as Params
  return Object.hasOwn(OVERLAPS, overlap) ? (overlap as Overlap) : 'none'
}

const sameScopes = (one: readonly string[], other: readonly string[]) =>
  one.length === other.length && one.every(scope => other.includes(scope))
