import { type FieldError, PosternError } from '../errors/errors.ts'
import { translateMessage } from './messages.ts'
import { plural } from './numbers.ts'
import { texts } from './texts.ts'

/** Why a form was rejected. */
export interface FormError {
  status: number
  /** What is wrong with the form as a whole; undefined: only its fields are wrong. */
  message?: string | undefined
  /** What is wrong with each field, by the first part of its path: `scopes`. */
  errors?: Readonly<Record<string, string>>
  /** To send with the page, such as `Retry-After`. */
  headers?: Record<string, string>
}

/**
 * The error of a form that the user can correct, to show the form again.
 * @throws any other error
 */
export function formErrorOf(error: unknown): FormError {
  if (!(error instanceof PosternError) || ![400, 403, 409, 422, 429].includes(error.status)) throw error
  const fields = error.extra.errors as readonly FieldError[] | undefined
  const { headers } = error
  if (!fields) return { status: error.status, message: translateMessage(error.message), headers }
  const message = joined(fields.filter(({ path }) => path === ''))
  const names = new Set(fields.map(fieldOf).filter(name => name !== ''))
  const errors = [...names].map(name => [name, joined(fields.filter(field => fieldOf(field) === name))])
  return { status: 400, message: message || undefined, errors: Object.fromEntries(errors), headers }
}

/** A form in which these fields are wrong. @param errors whole sentences, by the name of the field */
export const fieldErrors = (errors: Readonly<Record<string, string>>): FormError => ({ status: 400, errors })

/**
 * The text above a form.
 * @param isShown whether the page has a place for the error of a field; the others are named here
 */
export function summaryOf({ message, errors = {} }: FormError, isShown: (field: string) => boolean): string {
  const names = Object.keys(errors)
  const others = names.filter(name => !isShown(name)).map(name => errors[name])
  const shown = names.length - others.length
  const parts = [message, ...others, shown > 0 && plural(texts.error.fields, shown)]
  return parts.filter(Boolean).join(' ')
}

const fieldOf = ({ path }: FieldError): string => path.split('/', 1)[0] ?? ''

/** Different messages, as sentences. */
const joined = (errors: readonly FieldError[]): string => [...new Set(errors.map(toSentence))].join(' ')

/** A message continues a sentence that begins with the name of the field, unless it is a sentence of its own. */
function toSentence({ path, message }: FieldError): string {
  const text = translateMessage(message)
  const isSentence = path === '' || /^\p{Lu}/u.test(text)
  return (isSentence ? text : `${fieldName(path)} ${text}`).replace(/(?<![.?!])$/, '.')
}

/** As on the pages, with the number of a line: `Redirect URI 2`. */
function fieldName(path: string): string {
  const [field = '', index = ''] = path.split('/')
  const name = Object.entries<string>(texts.fields).find(([name]) => name === field)?.[1] ?? texts.fields.other
  return /^\d+$/.test(index) ? `${name} ${Number(index) + 1}` : name
}
