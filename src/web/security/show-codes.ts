import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Params } from '../../grants/grant.ts'
import { localPath, type Site } from '../site.ts'
import { texts } from '../texts.ts'
import { SECURITY } from './require-factor.ts'

/** Shows new recovery codes, in the response to the form that created them only. */
export type ShowCodes = (request: FastifyRequest, reply: FastifyReply, codes: readonly string[]) => Promise<string>

export function createShowCodes(site: Site): ShowCodes {
  return (request, reply, codes) => {
    const next = localPath(((request.body ?? {}) as Params).next)
    const data = { title: texts.security.codes.title, section: 'account', codes } as const
    return reply.page('security/codes.eta', { ...data, done: next ?? site.base + SECURITY }, { status: 201 })
  }
}
