import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import type { DisplayNames } from '../../admin/display-names.ts'
import { invalid } from '../../errors/errors.ts'
import type { Params } from '../../grants/grant.ts'
import type { Catalogue } from '../../scopes/catalogue.ts'
import type { Trust } from '../../trusts/trust.entity.ts'
import type { Trusts } from '../../trusts/trusts.ts'
import type { Users } from '../../users/users.ts'
import { type FormError, formErrorOf } from '../form-error.ts'
import { idOf, listPage, queryParams } from '../query.ts'
import { scopeField } from '../scope-choice.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { badLine, EMPTY, fieldsOf, sentFields, settingsOf, type TrustFields } from './trust-fields.ts'

export interface ManageTrustsOptions {
  site: Site
  trusts: Trusts
  users: Pick<Users, 'findByEmail'>
  displayNames: DisplayNames
  catalogue: Pick<Catalogue, 'scopes'>
}

const text = texts.manage.trusts
const frame = { section: 'manage' as const, tab: 'trusts' }
/** The scopes that a trust cannot grant have no checkbox. */
/** Stands for a user that the rules do not find. */
const NOBODY = '00000000-0000-0000-0000-000000000000'
const NOT_GRANTED = ['tokens:write', 'tokens:rotate']

/** Trusts: list, add and change. */
export function manageTrusts(options: ManageTrustsOptions): FastifyPluginAsync {
  const { site, trusts, users, displayNames, catalogue } = options
  const path = `${site.base}/manage/trusts`
  const boxes = catalogue.scopes
    .filter(({ id }) => !NOT_GRANTED.includes(id))
    .map(({ id, description }) => ({ id, description, field: scopeField(id) }))

  const form = (reply: FastifyReply, fields: TrustFields, refusal?: FormError) =>
    reply.page('manage/trust-new.eta', { ...frame, title: text.add, fields, boxes, refusal })

  async function detail(reply: FastifyReply, trust: Trust, sent?: TrustFields, refusal?: FormError) {
    const user = (await displayNames.users([trust.user])).get(trust.user ?? '')
    const client = (await displayNames.clients([trust.client])).get(trust.client ?? '')
    const fields = sent ?? fieldsOf(trust, user?.email ?? undefined)
    const data = { title: trust.name, trust, user, client, fields, boxes, refusal }
    return reply.page('manage/trust.eta', { ...frame, ...data })
  }

  const { toSettings, refusalOf } = trustForm(users)

  return async app => {
    app.get('/trusts', async (request, reply) => {
      const list = await listPage(path, queryParams(request), trusts.list, trust => trust)
      return reply.page('manage/trusts.eta', { ...frame, title: text.title, list })
    })

    app.get('/trusts/new', (_request, reply) => form(reply, EMPTY))

    app.post('/trusts', async (request, reply) => {
      const fields = sentFields((request.body ?? {}) as Params)
      try {
        const { id, name } = await trusts.create(await toSettings(fields))
        return reply.redirectTo(`/manage/trusts/${id}`, 'trustAdded', { name })
      } catch (error) {
        return form(reply, fields, await refusalOf(error, fields))
      }
    })

    app.get('/trusts/:id', async (request, reply) => detail(reply, await trusts.find(idOf(request))))

    app.post('/trusts/:id', async (request, reply) => {
      const trust = await trusts.find(idOf(request))
      const body = (request.body ?? {}) as Params
      // The form sends every field, so an old page would undo what another administrator changed meanwhile.
      if (body.updated_at !== trust.updatedAt.toISOString()) {
        return detail(reply, trust, undefined, { status: 409, message: text.edit.outdated })
      }
      const fields = sentFields(body)
      try {
        const changed = await trusts.update(trust.id, await changeOf(trust, fields))
        const values = { name: changed.trust.name, n: String(changed.revoked) }
        return reply.redirectTo(`/manage/trusts/${trust.id}`, 'trustChanged', values)
      } catch (error) {
        return detail(reply, trust, fields, await refusalOf(error, fields))
      }
    })
  }

  /** Only the name, if nothing else was changed: then nothing is revoked. */
  async function changeOf(trust: Trust, fields: TrustFields) {
    const user = (await displayNames.users([trust.user])).get(trust.user ?? '')
    const before = fieldsOf(trust, user?.email ?? undefined)
    const rest = ({ name: _, ...others }: TrustFields) =>
      JSON.stringify({ ...others, match: others.match.split(/\r?\n/) })
    return rest(before) === rest({ ...fields, pin: fields.pin.replaceAll('\r', '') })
      ? { name: fields.name }
      : toSettings(fields)
  }
}

/** Reads the form of a trust. */
function trustForm(users: ManageTrustsOptions['users']) {
  async function toSettings(fields: TrustFields) {
    const user = fields.user === '' ? undefined : await users.findByEmail(fields.user)
    const known = settingsOf(fields, user?.id)
    return user || fields.user === '' ? known : { ...known, userId: NOBODY, clientId: undefined }
  }

  /** In words of what was typed. The rules refuse what stands for it in the settings, together with everything else. */
  async function refusalOf(error: unknown, fields: TrustFields): Promise<FormError> {
    const { errors, ...refusal } = formErrorOf(error)
    const line = badLine(fields.match)
    const typed = [
      ...(line === undefined
        ? []
        : [invalid({ path: 'match', message: `has a line that is not claim=value: ${line}` })]),
      ...(fields.user === '' || (await users.findByEmail(fields.user))
        ? []
        : [invalid({ path: 'user_id', message: 'has no account here' })]),
    ]
    return { ...refusal, errors: Object.assign({}, errors, ...typed.map(each => formErrorOf(each).errors)) }
  }

  return { toSettings, refusalOf }
}
