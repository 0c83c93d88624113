import { BlockList, isIP } from 'node:net'
import { type Static, type TSchema, Type } from 'typebox'
import { normalizeIssuer } from '../../packages/guard/src/issuer-url.ts'
import { appKeyBytes, SHORTEST_APP_KEY } from './app-key.ts'
import { parseDuration } from './duration.ts'

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

const text = <S extends TSchema>(schema: S, expected: string, isSecret = false): Kind<S> => ({
  schema,
  expected,
  parse: asText,
  isSecret,
})
const checkedText = (isValid: (text: string) => boolean) => Type.Refine(Type.String({ minLength: 1 }), isValid)

export const wholeNumber = (minimum: number, maximum: number): Kind<ReturnType<typeof Type.Integer>> => ({
  schema: Type.Integer({ minimum, maximum }),
  expected: `a whole number from ${minimum} to ${maximum}`,
  parse: value => (/^\d{1,15}$/.test(value) ? Number(value) : undefined),
})

const SECONDS = 'an ISO 8601 duration such as P90D or PT12H'

/** A duration in seconds. @param limit the upper bound in words, appended to the message */
export const duration = (maximum?: number, limit = ''): Kind<ReturnType<typeof Type.Integer>> => ({
  schema: Type.Integer({ minimum: 1, maximum: maximum ?? Number.MAX_SAFE_INTEGER }),
  expected: SECONDS + limit,
  parse: parseDuration,
})

/** A duration in seconds, where `0` disables the feature or the limit. */
export const durationOrNone: Kind<ReturnType<typeof Type.Integer>> = {
  schema: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  expected: `${SECONDS}, or 0`,
  parse: value => (/^(0|PT0S)$/.test(value) ? 0 : parseDuration(value)),
}

export const oneOf = <const T extends readonly string[]>(values: T) =>
  text(Type.Unsafe<T[number]>(Type.Enum([...values])), `one of ${values.join(', ')}`)

export const onOrOff: Kind<ReturnType<typeof Type.Boolean>> = {
  schema: Type.Boolean(),
  expected: 'one of off, on',
  parse: value => ({ on: true, off: false })[value],
}

/** An IP address or a host name to listen on. */
export const hostName = text(
  checkedText(value => isIP(value) > 0 || /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62}\.?)+$/i.test(value)),
  'an address or a host name, such as 127.0.0.1, 0.0.0.0 or ::',
)

/** The issuer URL, to which paths are appended (RFC 8414 §2, §3), in normal form. */
export const issuerUrl: Kind<ReturnType<typeof Type.String>> = {
  schema: checkedText(value => normalizeIssuer(value) === value),
  expected: 'an http:// or https:// URL without a query, a fragment, a user, or // in its path',
  parse: value => normalizeIssuer(value) ?? undefined,
}

/** A comma-separated list of issuer URLs. */
export const issuerUrls = {
  schema: Type.Readonly(Type.Array(issuerUrl.schema)),
  expected: issuerUrl.expected,
  parse(value: string) {
    const issuers = value.split(',').map(part => normalizeIssuer(part.trim()))
    return issuers.includes(undefined) ? undefined : [...new Set(issuers)]
  },
}

/** An absolute URI without a fragment (RFC 8707 §2). It is not normalized. */
export const absoluteUri = text(
  checkedText(value => URL.canParse(value) && !/[#\s]/.test(value)),
  'an absolute URI without a fragment',
)

/**
 * The path of a file or directory. A quote or a blank at its start or end is rejected: it usually comes from the file that
 * it was copied from.
 */
export const path = text(
  checkedText(value => !/^[\s"']|[\s"']$|\p{Cc}/u.test(value)),
  'a path without quotes, blanks or newlines around it',
)

/**
 * The URL of a server, which may contain a password. Blanks and newlines are rejected: the URL parser drops them, but
 * database drivers do not.
 */
export const serverUrl = (...schemes: string[]) =>
  text(
    Type.Union([
      Type.Undefined(),
      checkedText(value => schemes.includes(URL.parse(value)?.protocol ?? '') && !/[\s\p{Cc}]/u.test(value)),
    ]),
    `a ${schemes[0]}// URL, without blanks or newlines`,
    true,
  )

const BEARER_CHARACTERS = 32

/** A secret that callers send as a bearer token (b64token, RFC 6750 §2.1). A header cannot carry other characters. */
export const bearerSecret = text(
  Type.Union([
    Type.Undefined(),
    Type.String({ pattern: '^[A-Za-z0-9_.~+/-]+=*$(?!\\n)', minLength: BEARER_CHARACTERS }),
  ]),
  `at least ${BEARER_CHARACTERS} letters, digits and -._~+/ without spaces, quotes or newlines, since it is sent in a ` +
    'header (openssl rand -base64 32)',
  true,
)

/** The key of the deployment, normalized to padded base64. */
export const appKey: Kind<ReturnType<typeof Type.String>> = {
  schema: checkedText(value => appKeyBytes(value) !== undefined),
  expected: `at least ${SHORTEST_APP_KEY} random bytes in base64 (openssl rand -base64 ${SHORTEST_APP_KEY})`,
  parse: value => appKeyBytes(value)?.toString('base64'),
  isSecret: true,
}

/** The prefix of opaque tokens. */
export const tokenPrefix = text(
  checkedText(value => /^[a-z][a-z0-9]{1,15}_$/.test(value)),
  '2 to 16 lower-case letters or digits and an underscore',
)

const NAMED_NETWORKS = new Set(['loopback', 'linklocal', 'uniquelocal'])

/**
 * The proxies whose `X-Forwarded-For` header is trusted. `true` would trust every client, a number any client that is
 * that many hops away, so both are rejected.
 */
export const proxies = {
  schema: Type.Union([Type.Literal(false), checkedText(value => value.split(',').every(part => isProxy(part.trim())))]),
  expected: 'false, or proxies by address, network or loopback (10.0.0.0/8,loopback)',
  parse: (value: string) => (value === 'false' ? false : value),
}

function isProxy(value: string): boolean {
  const [address = '', bits, ...more] = value.split('/')
  if (NAMED_NETWORKS.has(value) || (isIP(value) && bits === undefined)) return true
  if (more.length > 0 || !bits || !/^\d{1,3}$/.test(bits)) return false
  try {
    new BlockList().addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4')
    return Number(bits) > 0
  } catch {
    return false
  }
}
