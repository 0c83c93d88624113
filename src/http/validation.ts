import { isUtf8 } from 'node:buffer'
import { Ajv, type Options, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify'
import type { TSchema } from 'typebox'
import { badRequest, type FieldError, invalid } from '../errors/errors.ts'
import { MAX_ERRORS } from './problems.ts'

const settings: Options = { allErrors: true, removeAdditional: false, useDefaults: true, strict: false }

/** Values of a query string are text, so they are coerced; values of a JSON body are not. */
const exact = withFormats(new Ajv({ ...settings, coerceTypes: false }))
const coercing = withFormats(new Ajv({ ...settings, coerceTypes: true }))

function withFormats(ajv: Ajv): Ajv {
  addFormats.default(ajv, ['date-time', 'uri'])
  // These formats accept any text; Swagger UI shows a password field for the first one.
  return ajv.addFormat('password', true).addFormat('email', true).addFormat('uuid', true)
}

/** Compiles a schema on first use; compiling all of them took a third of the startup time. */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const ajv = httpPart === 'body' ? exact : coercing
  let compiled: ValidateFunction | undefined
  const validate = (data: unknown) => {
    compiled ??= ajv.compile(schema)
    return compiled(data)
  }
  // Fastify reads the errors from this property.
  return Object.defineProperty(validate, 'errors', { get: () => compiled?.errors })
}

/** Prototype of objects whose texts a body parser has already validated. */
export const VALIDATED_BODY: object = Object.freeze(Object.create(null))

/** Rejects, before a handler runs, text that PostgreSQL would reject: with NUL characters, or not well-formed Unicode. */
export function useStrictInput(app: FastifyInstance): void {
  app.setValidatorCompiler(validatorCompiler)
  app.removeContentTypeParser(['text/plain', 'application/json'])
  parseJsonAs(app, ['application/json'])
  // In preHandler, since routes authorize before they validate.
  app.addHook('preHandler', (request, _reply, done) => {
    const errors: FieldError[] = []
    findBadTexts(request.body, errors)
    findBadTexts(request.query, errors)
    findBadTexts(request.params, errors)
    done(errors.length > 0 ? invalid(...errors.slice(0, MAX_ERRORS)) : undefined)
  })
}

/**
 * Parses bodies of these media types as JSON. Names that could change a prototype are an error.
 * @param bodyLimit in octets; default: that of the server
 */
export function parseJsonAs(app: FastifyInstance, types: string[], bodyLimit?: number): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  const options = { parseAs: 'buffer', ...(bodyLimit !== undefined && { bodyLimit }) } as const
  app.addContentTypeParser(types, options, (request, body: Buffer, done) => {
    if (!isUtf8(body)) return done(badRequest('The body is not valid UTF-8.'))
    // A request without a body may have a JSON content type.
    if (body.length === 0) return done(null, undefined)
    return parse(request, body.toString('utf8'), done)
  })
}

/** Maximum nesting of a body. Valid bodies have a few levels; deeper ones could overflow the stack of recursive code. */
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
