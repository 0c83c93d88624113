import type { IncomingMessage } from 'node:http'
import Negotiator from 'negotiator'
import { LANGUAGES, type Language } from '../text/language.ts'

/** The acceptable media types in `Accept` (RFC 9110 §12.5.1), by preference. */
export const acceptedTypes = ({ headers }: Pick<IncomingMessage, 'headers'>): string[] =>
  new Negotiator({ headers }).mediaTypes().map(type => type.toLowerCase())

/** The acceptable codings in `Accept-Encoding` (RFC 9110 §12.5.3), by preference. */
export const acceptedEncodings = ({ headers }: Pick<IncomingMessage, 'headers'>): string[] =>
  new Negotiator({ headers }).encodings().map(encoding => encoding.toLowerCase())

/** Those of our languages that `Accept-Language` names (RFC 9110 §12.5.4), by preference. `*` names none. */
export function acceptedLanguages({ headers }: Pick<IncomingMessage, 'headers'>): Language[] {
  if (headers['accept-language'] === undefined) return []
  return new Negotiator({ headers }).languages([...LANGUAGES]) as Language[]
}
