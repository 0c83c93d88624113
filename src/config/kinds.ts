import { BlockList, isIP } from 'node:net'
import { type Static, type TSchema, Type } from 'typebox'
import { normalizeIssuer } from '../../packages/guard/src/issuer-url.ts'
import { appKeyBytes, SHORTEST_APP_KEY } from './app-key.ts'
import { parseDuration } from './duration.ts'

/** One kind of setting: what its value may be, and how a variable's text becomes one. */
export interface Kind<S extends TSchema = TSchema> {
  schema: S
  /** What follows "must be" in a message. */
  expected: string
  /** @returns undefined when the text cannot be read; whether the value is allowed is for the schema to say */
  parse(text: string): unknown
  /** It may be or carry a secret: it may come from `<variable>_FILE`, and no message repeats it. */
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

/** Seconds. */
export const duration = (maximum?: number, limit = ''): Kind<ReturnType<typeof Type.Integer>> => ({
  schema: Type.Integer({ minimum: 1, maximum: maximum ?? Number.MAX_SAFE_INTEGER }),
  expected: SECONDS + limit,
  parse: parseDuration,
})

/** Seconds, of something that `0` switches off. */
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

/** An address or a host name to listen on. */
export const hostName = text(
  checkedText(value => isIP(value) > 0 || /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62}\.?)+$/i.test(value)),
  'an address or a host name, such as 127.0.0.1, 0.0.0.0 or ::',
)

/** The issuer, to which paths are appended (RFC 8414 §2, §3), in its one form. */
export const issuerUrl: Kind<ReturnType<typeof Type.String>> = {
  schema: checkedText(value => normalizeIssuer(value) === value),
  expected: 'an http:// or https:// URL without a query, a fragment, a user, or // in its path',
  parse: value => normalizeIssuer(value) ?? undefined,
}

/** Several issuers between commas. */
export const issuerUrls = {
  schema: Type.Readonly(Type.Array(issuerUrl.schema)),
  expected: issuerUrl.expected,
  parse(value: string) {
    const issuers = value.split(',').map(part => normalizeIssuer(part.trim()))
    return issuers.includes(undefined) ? undefined : [...new Set(issuers)]
  },
}

/** An absolute URI without a fragment (RFC 8707 §2), kept as written. */
export const absoluteUri = text(
  checkedText(value => URL.canParse(value) && !/[#\s]/.test(value)),
  'an absolute URI without a fragment',
)

/** The path of a file or folder. A quote or a blank at its edges comes from the file that it was copied from. */
export const path = text(
  checkedText(value => !/^[\s"']|[\s"']$|\p{Cc}/u.test(value)),
  'a path without quotes, blanks or newlines around it',
)

/** The URL of a server, which may carry a password. The parser drops blanks and newlines that whoever connects would not. */
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

/** A secret that callers send as a bearer token (b64token, RFC 6750 §2.1): anything else never arrives as it was written. */
export const bearerSecret = text(
  Type.Union([
    Type.Undefined(),
    Type.String({ pattern: '^[A-Za-z0-9_.~+/-]+=*$(?!\\n)', minLength: BEARER_CHARACTERS }),
  ]),
  `at least ${BEARER_CHARACTERS} letters, digits and -._~+/ without spaces, quotes or newlines, since it is sent in a ` +
    'header (openssl rand -base64 32)',
  true,
)

/** The key of the deployment; its one spelling is padded base64. */
export const appKey: Kind<ReturnType<typeof Type.String>> = {
  schema: checkedText(value => appKeyBytes(value) !== undefined),
  expected: `at least ${SHORTEST_APP_KEY} random bytes in base64 (openssl rand -base64 ${SHORTEST_APP_KEY})`,
  parse: value => appKeyBytes(value)?.toString('base64'),
  isSecret: true,
}

/** What opaque tokens begin with. */
export const tokenPrefix = text(
  checkedText(value => /^[a-z][a-z0-9]{1,15}_$/.test(value)),
  '2 to 16 lower-case letters or digits and an underscore',
)

const NAMED_NETWORKS = new Set(['loopback', 'linklocal', 'uniquelocal'])

/** Whose `X-Forwarded-For` counts. `true` would believe anyone's, a number whoever comes that many hops away. */
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
