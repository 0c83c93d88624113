import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { isAdminScope } from '../../../packages/guard/src/scope-set.ts'
import { TOKEN_FORMATS, type TokenFormat } from '../../clients/client.entity.ts'
import type { Resources } from '../../clients/resources.ts'
import type { Config } from '../../config/config.ts'
import type { Params } from '../../grants/grant.ts'
import { type Catalogue, TOKENS_ROTATE } from '../../scopes/catalogue.ts'
import { isAllowed } from '../../tokens/owner.ts'
import type { Tokens } from '../../tokens/tokens.ts'
import { type FormError, formErrorOf } from '../form-error.ts'
import { chosenScopes, scopeChoice } from '../scope-choice.ts'
import { texts } from '../texts.ts'
import { chosenExpiry, expiryChoice, expiryField } from './expiry.ts'
import type { PageOwner, PageOwnerOf } from './owner.ts'
import { chosenResources, resourceChoice } from './resource-choice.ts'
import type { ShowIssued } from './show-issued.ts'

export interface NewTokenOptions {
  tokens: Tokens
  catalogue: Catalogue
  resources: Pick<Resources, 'list'>
  show: ShowIssued
  config: Pick<Config, 'tokenMaxLifetime'>
  ownerOf: PageOwnerOf
}

/** The values of the form. */
interface FormValues {
  name: string
  expiresIn: string | undefined
  expiresOn: string | undefined
  scopes: readonly string[]
  resources: readonly string[]
  format: TokenFormat
}

const text = texts.tokens.form

/** The form that creates a personal access token. A link can fill it in, but only the user can submit it. */
export function newTokenPages({
  tokens,
  catalogue,
  resources,
  show,
  config,
  ownerOf,
}: NewTokenOptions): FastifyPluginAsync {
  const maxLifetime = config.tokenMaxLifetime

  async function form(
    reply: FastifyReply,
    { owner, role, home, account, limits, frame }: PageOwner,
    filled: FormValues,
    refusal?: FormError,
  ) {
    // What a limit of the maintainer's groups excludes, the token would not get.
    const mayGrant = (id: string) => isAdminScope(id) || !limits.issuingToken?.lacks([id]).length
    const allows = (id: string) => isAllowed(catalogue, owner, id) && mayGrant(id)
    const data = {
      title: text.title,
      ...(frame ?? { section: 'tokens' as const }),
      home,
      account,
      name: filled.name,
      expiry: expiryChoice(maxLifetime, filled.expiresIn, filled.expiresOn),
      choice: scopeChoice(catalogue, { checked: filled.scopes, role, wildcard: text.wildcard, allows }),
      resources: resourceChoice(await resources.list(), filled.resources),
      format: filled.format,
      formats: FORMATS,
      once: show.newFormId(),
      refusal,
    }
    return reply.page('tokens/new.eta', data)
  }

  return async app => {
    app.get('/tokens/new', async (request, reply) =>
      form(reply, await ownerOf(request), fromLink(request, [...catalogue.defaults, TOKENS_ROTATE])),
    )

    app.post('/tokens', async (request, reply) => {
      const owned = await ownerOf(request)
      const fields = (request.body ?? {}) as Params
      const before = show.before(request, reply, owned)
      if (before) return before
      const scopes = chosenScopes(fields)
      const chosen = chosenResources(fields)
      const { name = '', expires_in: expiresIn, expires_on: expiresOn } = fields
      const expiry = readExpiry(maxLifetime, expiresIn, expiresOn)
      try {
        owned.assertMayGrant(scopes)
        const issued = await tokens.issuePersonal({
          ...owned.limits,
          user: owned.owner,
          name,
          scopes,
          expiresAt: expiry.expiresAt,
          resources: chosen,
          format: formatOf(fields.format),
          withinQuota: true,
        })
        return show.show(request, reply, issued, owned)
      } catch (error) {
        const refusal = atFields(formErrorOf(error), { name, expiresIn, expiryError: expiry.error })
        const filled = { name, expiresIn, expiresOn, scopes, resources: chosen ?? [], format: formatOf(fields.format) }
        return form(reply, owned, filled, refusal)
      }
    })
  }
}

/** An expiry that no token can have: the other fields are checked as well, and nothing is issued. */
const NEVER = new Date(0)

function readExpiry(maxLifetime: number, choice: string | undefined, date: string | undefined) {
  try {
    return { expiresAt: chosenExpiry(maxLifetime, choice, date) }
  } catch (error) {
    return { expiresAt: NEVER, error: formErrorOf(error) }
  }
}

interface Sent {
  name: string
  expiresIn: string | undefined
  /** What is wrong with the expiry itself. */
  expiryError: FormError | undefined
}

/** Each error at the field of the form that it is about, in its words. */
function atFields({ errors, ...refusal }: FormError, { name, expiresIn, expiryError }: Sent): FormError {
  const { expires_at: expiry, ...others } = errors ?? {}
  const isNamed = name.trim() !== ''
  return {
    ...refusal,
    ...((!isNamed || expiryError) && { status: 400 }),
    errors: {
      ...(!isNamed && { name: text.noName }),
      ...(isNamed && others.name !== undefined && { name: others.name }),
      ...(expiry !== undefined && !expiryError && { [expiryField(expiresIn)]: expiry }),
      ...expiryError?.errors,
      ...Object.fromEntries(Object.entries(others).filter(([field]) => field !== 'name')),
    },
  }
}

/** People handle the text, so the short one comes first (docs/adr/0088-short-tokens-for-people.md). */
const FORMATS: readonly TokenFormat[] = ['opaque', 'jwt']

const formatOf = (text: unknown): TokenFormat => TOKEN_FORMATS.find(format => format === text) ?? 'opaque'

/** `?name=deploy&scopes=orders:read,orders:create&expires_in=30d&format=jwt`; invalid values are ignored. */
function fromLink({ query }: FastifyRequest, defaults: readonly string[]): FormValues {
  const { name, scopes, resources, expires_in, format } = query as Record<string, unknown>
  return {
    name: typeof name === 'string' ? name.slice(0, 255) : '',
    expiresIn: typeof expires_in === 'string' ? expires_in : undefined,
    expiresOn: undefined,
    format: formatOf(format),
    resources: typeof resources === 'string' ? resources.split(/[\s,]+/) : [],
    scopes: typeof scopes === 'string' ? scopes.split(/[\s,]+/) : defaults,
  }
}
