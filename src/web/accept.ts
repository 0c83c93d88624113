import type { IncomingMessage } from 'node:http'
import Negotiator from 'negotiator'

/** The media types that `Accept` names without refusing them (RFC 9110 §12.5.1), most wanted first. */
export const acceptedTypes = ({ headers }: Pick<IncomingMessage, 'headers'>): string[] =>
  new Negotiator({ headers }).mediaTypes().map(type => type.toLowerCase())

/** The codings that `Accept-Encoding` names without refusing them (RFC 9110 §12.5.3), most wanted first. */
export const acceptedEncodings = ({ headers }: Pick<IncomingMessage, 'headers'>): string[] =>
  new Negotiator({ headers }).encodings().map(encoding => encoding.toLowerCase())
