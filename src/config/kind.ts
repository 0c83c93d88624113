import { type Static, type TSchema, Type } from 'typebox'

/** A kind of setting: the schema of its value, and how the text of a variable is parsed. */
export interface Kind<S extends TSchema = TSchema> {
  schema: S
  /** The text after "must be" in an error message. */
  expected: string
  /** @returns undefined when the text cannot be parsed; the schema decides whether the value is valid */
  parse(text: string): unknown
  /** The value is or may contain a secret: `<variable>_FILE` may name its file, and no message contains the value. */
  isSecret?: boolean
}

export type ValueOf<K> = K extends Kind<infer S> ? Static<S> : never

const asText = (text: string) => text

/** A setting whose value is the text of its variable. */
export const text = <S extends TSchema>(schema: S, expected: string, isSecret = false): Kind<S> => ({
  schema,
  expected,
  parse: asText,
  isSecret,
})
export const checkedText = (isValid: (text: string) => boolean) => Type.Refine(Type.String({ minLength: 1 }), isValid)
