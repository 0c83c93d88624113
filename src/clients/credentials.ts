import { decodeJwt } from 'jose'
import { invalidClient, invalidRequest } from '../errors/protocol.ts'

/** The parts of a request that can name or authenticate its client. */
export interface Credentials {
  authorization?: string | undefined
  params: Readonly<Record<string, string | undefined>>
}

/** How a request authenticates its client, before anything is verified. */
export type ClientProof =
  | { method: 'secret'; id: string; secret: string }
  | { method: 'assertion'; id: string; assertion: string }
  | { method: 'none'; id: string }

/** Node ignores what follows the padding, such as a second header that was joined to the first. */
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** Whether a request has no client credentials at all. */
export function lacksClient({ authorization, params }: Credentials): boolean {
  const { client_id: id, client_secret: secret, client_assertion: assertion, client_assertion_type: type } = params
  return [authorization, id, secret, assertion, type].every(parameter => parameter === undefined)
}

/** The client id that a request claims. Nothing is verified. */
export function claimedClientId(credentials: Credentials): string | undefined {
  try {
    return parseClientProof(credentials).id
  } catch {
    return undefined
  }
}

/**
 * Reads the client credentials of a request (RFC 6749 §2.3.1, RFC 7523 §2.2).
 * @throws 400 `invalid_request` when it authenticates in two ways, 401 `invalid_client` when they are missing or malformed
 */
export function parseClientProof({ authorization, params }: Credentials): ClientProof {
  const { client_id: id, client_secret: secret, client_assertion: assertion, client_assertion_type: type } = params
  const basic = fromBasic(authorization)
  const methods = [basic, secret, assertion ?? type].filter(method => method !== undefined)
  if (methods.length > 1) throw invalidRequest('Use only one method of client authentication.')
  if (basic) {
    if (id !== undefined && id !== basic.id) throw invalidRequest('client_id does not match the Authorization header.')
    return { method: 'secret', ...basic }
  }
  if (assertion !== undefined || type !== undefined) return fromAssertion(id, assertion, type)
  if (id === undefined) throw invalidClient('Client credentials are missing.')
  return secret === undefined ? { method: 'none', id } : { method: 'secret', id, secret }
}

/** Both halves are form-encoded before they are joined (RFC 6749 §2.3.1). */
function fromBasic(header: string | undefined): { id: string; secret: string } | undefined {
  if (!header || !/^basic /i.test(header)) return undefined
  const encoded = header.slice(6).trim()
  if (!BASE64.test(encoded)) throw invalidClient('The Authorization header is malformed.')
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const at = text.indexOf(':')
  try {
    if (at > 0) return { id: formDecode(text.slice(0, at)), secret: formDecode(text.slice(at + 1)) }
  } catch {
    // Not form-encoded: rejected below.
  }
  throw invalidClient('The Authorization header is malformed.')
}

/** Ids and secrets that this server issues contain nothing to decode. */
const formDecode = (text: string) => (/[%+]/.test(text) ? decodeURIComponent(text.replaceAll('+', ' ')) : text)

function fromAssertion(id: string | undefined, assertion: string | undefined, type: string | undefined): ClientProof {
  if (type !== ASSERTION_TYPE || assertion === undefined) {
    throw invalidRequest(`client_assertion requires client_assertion_type=${ASSERTION_TYPE}.`)
  }
  const subject = subjectOf(assertion)
  if (id !== undefined && id !== subject) throw invalidClient('client_id does not match the client assertion.')
  return { method: 'assertion', id: subject, assertion }
}

function subjectOf(assertion: string): string {
  try {
    return String(decodeJwt(assertion).sub)
  } catch (error) {
    throw invalidClient('The client assertion is malformed.', error)
  }
}
