import { hash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { PosternError } from '../errors/errors.ts'

/** Throws unless a row is as the client last saw it. Called with the locked row, before it is changed. */
export type Precondition<Row> = (current: Row) => void

/**
 * The entity tag (RFC 9110 §8.8.3) of what a client can change. It leaves out what changes by itself, such as the last use.
 * @param state JSON
 * @returns in quotation marks
 * @example entityTag({ name: 'deploy' }) // '"bJ3Ki0D3gPkRtn3ZsTWZdQ"'
 */
export const entityTag = (state: unknown): string =>
  `"${hash('sha256', JSON.stringify(state), 'base64url').slice(0, 22)}"`

const TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g

/**
 * The precondition of a request: its `If-Match` (RFC 9110 §13.1.1), so that of two clients that read the same state, the second
 * does not undo what the first changed.
 * @param tagOf the entity tag of a row
 * @returns undefined without the header
 * @example await trusts.update(id, change, token, ifMatch(request, trustTag))
 */
export function ifMatch<Row>({ headers }: FastifyRequest, tagOf: (row: Row) => string): Precondition<Row> | undefined {
  const expected = headers['if-match']
  if (expected === undefined || expected.trim() === '*') return undefined
  const tags: string[] = expected.match(TAG) ?? []
  return row => {
    // A weak tag never matches: the comparison is strong.
    if (!tags.includes(tagOf(row))) throw preconditionFailed()
  }
}

/** Whether a client has what has this entity tag already, by its `If-None-Match` (RFC 9110 §13.1.2). */
export function isKnown({ headers }: FastifyRequest, tag: string): boolean {
  const known = headers['if-none-match']
  if (known === undefined) return false
  // The comparison is weak.
  return known.trim() === '*' || (known.match(TAG) ?? []).some(each => each.replace(/^W\//, '') === tag)
}

/** Adds the entity tag to a response. */
export const withTag = (reply: FastifyReply, tag: string): FastifyReply => reply.header('etag', tag)

export const preconditionFailed = () =>
  new PosternError({
    status: 412,
    code: 'precondition_failed',
    detail: 'It has changed since you read it. Read it again, and send its ETag in If-Match.',
  })
