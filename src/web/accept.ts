import type { IncomingMessage } from 'node:http'
import Negotiator from 'negotiator'

/** The acceptable media types in `Accept` (RFC 9110 §12.5.1), by preference. */
export const acceptedTypes = ({ headers }: Pick<IncomingMessage, 'headers'>): string[] =>
  new Negotiator({ headers }).mediaTypes().map(type => type.toLowerCase())

/** The acceptable codings in `Accept-Encoding` (RFC 9110 §12.5.3), by preference. */
export const acceptedEncodings = ({ headers }: Pick<IncomingMessage, 'headers'>): string[] =>
  new Negotiator({ headers }).encodings().map(encoding => encoding.toLowerCase())
