import fastJson from 'fast-json-stringify'
import type { FastifySerializerCompiler } from 'fastify'
import type { TSchema } from 'typebox'

type Serialize = ReturnType<typeof fastJson>

/** Compiles the schema of an answer when it is first given: all of them together were a tenth of a start. */
export const serializerCompiler: FastifySerializerCompiler<TSchema> = ({ schema }) => {
  let compiled: Serialize | undefined
  return data => {
    compiled ??= fastJson(schema as never) as Serialize
    return compiled(data)
  }
}
