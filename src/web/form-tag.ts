import type { FastifyRequest } from 'fastify'
import { conflict } from '../errors/errors.ts'
import type { Params } from '../grants/grant.ts'
import type { Precondition } from '../http/entity-tag.ts'
import type { FormError } from './form-error.ts'
import { texts } from './texts.ts'

/**
 * The entity tag of the row that a form showed, which the form sends back. A form sends every field: an old one would undo what
 * somebody else changed meanwhile.
 */
export interface FormTag<Row> {
  /** What the form contains when it is shown again with what was typed. */
  readonly sent: string
  /** @returns the error of a form that showed another state of the row; show the form with the current values then */
  refusal(row: Row): FormError | undefined
  /** The same for the locked row, which may have changed since. @throws 409 */
  readonly precondition: Precondition<Row>
}

/** @param tagOf the entity tag of a row, as `If-Match` has it */
export function formTag<Row>({ body }: FastifyRequest, tagOf: (row: Row) => string): FormTag<Row> {
  const sent = ((body ?? {}) as Params).tag ?? ''
  return {
    sent,
    refusal: row => (tagOf(row) === sent ? undefined : { status: 409, message: texts.manage.outdated }),
    precondition(row) {
      if (tagOf(row) !== sent) throw conflict(texts.manage.outdated)
    },
  }
}
