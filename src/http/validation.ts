import { isUtf8 } from 'node:buffer'
import { Ajv, type Options, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify'
import type { TSchema } from 'typebox'
import { badRequest, type FieldError, invalid } from '../errors/errors.ts'
import { MAX_ERRORS } from './problems.ts'

const settings: Options = { allErrors: true, removeAdditional: false, useDefaults: true, strict: false }

/** A query string holds only text, so it is coerced; a JSON body says what it means. */
const exact = withFormats(new Ajv({ ...settings, coerceTypes: false }))
const coercing = withFormats(new Ajv({ ...settings, coerceTypes: true }))

function withFormats(ajv: Ajv): Ajv {
  addFormats.default(ajv, ['date-time', 'uri'])
  // Swagger UI shows a password field; any text may be one.
  return ajv.addFormat('password', true).addFormat('email', true).addFormat('uuid', true)
}

/** Compiles a schema when it is first needed: all of them together were a third of a start. */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const ajv = httpPart === 'body' ? exact : coercing
  let compiled: ValidateFunction | undefined
  const validate = (data: unknown) => {
    compiled ??= ajv.compile(schema)
    return compiled(data)
  }
  // Where Fastify looks for what is wrong.
  return Object.defineProperty(validate, 'errors', { get: () => compiled?.errors })
}

/** What a reader makes its objects of that has looked at every text itself. */
export const VALIDATED_BODY: object = Object.freeze(Object.create(null))

/** Refuses, before a handler runs, what PostgreSQL would refuse: NUL in a text, and text that is not Unicode. */
export function useStrictInput(app: FastifyInstance): void {
  app.setValidatorCompiler(validatorCompiler)
  app.removeContentTypeParser(['text/plain', 'application/json'])
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (!isUtf8(body)) return done(badRequest('The body is not valid UTF-8.'))
    // A request that needs no body may say that it sends JSON.
    if (body.length === 0) return done(null, undefined)
    return parse(request, body.toString('utf8'), done)
  })
  // Once it is known who asks: routes authorize before they validate.
  app.addHook('preHandler', (request, _reply, done) => {
    const errors: FieldError[] = []
    findBadTexts(request.body, errors)
    findBadTexts(request.query, errors)
    findBadTexts(request.params, errors)
    done(errors.length > 0 ? invalid(...errors.slice(0, MAX_ERRORS)) : undefined)
  })
}

/** Nothing here is nested more than a few levels; what is would overflow the stack of whoever walks it. */
const MAX_DEPTH = 32

function findBadTexts(value: unknown, errors: FieldError[], path = '', depth = 0): void {
  if (typeof value === 'string') {
    const message = textProblem(value)
    if (message) errors.push({ path, message })
  }
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) === VALIDATED_BODY) return
  if (depth > MAX_DEPTH) return void errors.push({ path, message: 'is nested too deeply' })
  for (const key of Object.keys(value)) {
    if (textProblem(key)) errors.push({ path, message: 'has a name that is not text' })
    findBadTexts(value[key as keyof typeof value], errors, path ? `${path}/${key}` : key, depth + 1)
  }
}

function textProblem(text: string): string | undefined {
  if (text.includes('\0')) return 'must not contain a NUL character'
  return text.isWellFormed() ? undefined : 'must be well-formed Unicode'
}
