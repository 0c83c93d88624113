import { isIP } from 'node:net'
import { type TSchema, Type } from 'typebox'
import { normalizeIssuer } from '../../packages/guard/src/issuer-url.ts'
import { appKeyBytes, SHORTEST_APP_KEY } from './app-key.ts'
import { splitHosts } from './database-hosts.ts'
import { MAX_SECONDS, parseDuration } from './duration.ts'
import { checkedText, type Kind, text } from './kind.ts'

export { color, siteName } from './brand-kinds.ts'
export { groupScopes } from './group-scopes.ts'
export type { Kind, ValueOf } from './kind.ts'
export { hostList, networkList, proxies } from './network-kinds.ts'

export const wholeNumber = (minimum: number, maximum: number): Kind<ReturnType<typeof Type.Integer>> => ({
  schema: Type.Integer({ minimum, maximum }),
  expected: `a whole number from ${minimum} to ${maximum}`,
  parse: value => (/^\d{1,15}$/.test(value) ? Number(value) : undefined),
})

/** One line of text. */
export const line = text(
  checkedText(value => value.trim() === value && value.length <= 1_024 && !/\p{Cc}/u.test(value)),
  'one line without blanks around it',
)

export const optionalLine = text(Type.Union([Type.Undefined(), line.schema]), line.expected)

/** One line of text that nobody may see. */
export const secretLine: typeof line = { ...line, isSecret: true }

/** The same without white space, or nothing. */
export const optionalSecretWord = {
  ...text(
    Type.Union([Type.Undefined(), checkedText(value => /^[^\s\p{Cc}]{1,1024}$/u.test(value))]),
    'one line without white space',
  ),
  isSecret: true,
}

/** The issuer of an OpenID provider. It is not normalized, since it is compared with what the provider says. */
export const providerUrl = text(
  checkedText(value => ['http:', 'https:'].includes(URL.parse(value)?.protocol ?? '') && !/[#?\s]/.test(value)),
  'the https:// URL of an OpenID provider',
)

/** A private key in PEM. */
export const privateKey = text(
  checkedText(value => /^\s*-----BEGIN PRIVATE KEY-----[\s\S]+-----END PRIVATE KEY-----\s*$/.test(value)),
  'a private key in PEM (PKCS #8): openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256',
  true,
)

/** A claim and the value that it must have or contain. */
export const claimValue: Kind<TSchema> = {
  schema: Type.Object({ claim: Type.String(), value: Type.String() }),
  expected: 'a claim and its value, such as groups=postern-admins',
  parse(value: string) {
    const [, claim, expected] = /^([^=\s]+)=(.+)$/.exec(value) ?? []
    return claim && expected ? { claim, value: expected } : undefined
  },
}

const SECONDS = 'an ISO 8601 duration such as P90D or PT12H'

const LONGEST = ' of at most 100 years'

/** A duration in seconds. @param limit the upper bound in words, appended to the message */
export const duration = (maximum?: number, limit = LONGEST): Kind<ReturnType<typeof Type.Integer>> => ({
  schema: Type.Integer({ minimum: 1, maximum: maximum ?? MAX_SECONDS }),
  expected: SECONDS + limit,
  parse: parseDuration,
})

/** A duration in seconds, where `0` disables the feature or the limit. */
export const durationOrNone: Kind<ReturnType<typeof Type.Integer>> = {
  schema: Type.Integer({ minimum: 0, maximum: MAX_SECONDS }),
  expected: `${SECONDS}${LONGEST}, or 0`,
  parse: value => (/^(0|PT0S)$/.test(value) ? 0 : parseDuration(value)),
}

/** A timeout of the database, which it takes as a 32-bit number of milliseconds, as timers do. */
export const timeoutOrNone: Kind<ReturnType<typeof Type.Integer>> = {
  ...durationOrNone,
  schema: Type.Integer({ minimum: 0, maximum: 86_400 }),
  expected: `${SECONDS} of at most a day, or 0`,
}

/** As `durationOrNone`, for a default that depends on more than the other settings. */
export const optionalDurationOrNone: Kind<ReturnType<typeof optionalSeconds>> = {
  ...durationOrNone,
  schema: optionalSeconds(),
}

function optionalSeconds() {
  return Type.Union([Type.Undefined(), durationOrNone.schema])
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

/** An origin in the form in which browsers send it (RFC 6454 §6.2); that of an app may have a scheme of its own. */
const origin = checkedText(value => toOrigin(value) === value)

/** A comma-separated list of origins. */
export const origins = {
  schema: Type.Readonly(Type.Array(origin)),
  expected: 'origins such as https://app.example.com, without a path and separated by commas',
  parse(value: string) {
    const list = value.split(',').map(part => toOrigin(part.trim()))
    return list.includes(undefined) ? undefined : [...new Set(list)]
  },
}

/** @returns the origin with its host in lower case and without a default port; undefined: the text is more or less than that */
function toOrigin(text: string): string | undefined {
  const url = /^[a-z][a-z\d+.-]*:\/\/[^\s/?#@*\\]+$/i.test(text) ? URL.parse(text) : null
  if (!url?.host || url.protocol === 'file:') return undefined
  return url.origin === 'null' ? `${url.protocol}//${url.host.toLowerCase()}` : url.origin
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

export const optionalPath: Kind<ReturnType<typeof optionalPathSchema>> = { ...path, schema: optionalPathSchema() }

function optionalPathSchema() {
  return Type.Union([Type.Undefined(), path.schema])
}

/**
 * The URL of a server, which may contain a password. Blanks and newlines are rejected: the URL parser drops them, but
 * database drivers do not.
 */
const optionalUrl = (isValid: (value: string) => boolean, expected: string) =>
  text(
    Type.Union([Type.Undefined(), checkedText(value => isValid(value) && !/[\s\p{Cc}]/u.test(value))]),
    expected,
    true,
  )

export const serverUrl = (...schemes: string[]) =>
  optionalUrl(
    value => schemes.includes(URL.parse(value)?.protocol ?? ''),
    `a ${schemes[0]}// URL, without blanks or newlines`,
  )

/** The URL of a PostgreSQL, which may name several hosts as libpq does. */
export const databaseUrl = optionalUrl(
  value => splitHosts(value) !== undefined,
  'a postgres:// URL, without blanks or newlines; several hosts are separated by commas',
)

/** A sender: an address, with a name before it or without. Another header cannot be added to it. */
export const mailbox = text(
  Type.Union([
    Type.Undefined(),
    checkedText(value =>
      /^([^\p{Cc}<>@,;:"\\]+ <[^\s\p{Cc}<>@,;]+@[^\s\p{Cc}<>@,;]+>|[^\s\p{Cc}<>@,;]+@[^\s\p{Cc}<>@,;]+)$/u.test(value),
    ),
  ]),
  'an e-mail address, or a name and an address: Postern <no-reply@example.com>',
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

/** A comma-separated list of former keys of the deployment. */
export const appKeys: Kind<ReturnType<typeof listOfKeys>> = {
  schema: listOfKeys(),
  expected: `${appKey.expected}; several are separated by commas`,
  parse(value: string) {
    const keys = value.split(',').map(part => appKeyBytes(part.trim())?.toString('base64'))
    return keys.includes(undefined) ? undefined : [...new Set(keys)]
  },
  isSecret: true,
}

function listOfKeys() {
  return Type.Readonly(Type.Array(appKey.schema))
}

/** The prefix of opaque tokens. */
export const tokenPrefix = text(
  checkedText(value => /^[a-z][a-z0-9]{1,15}_$/.test(value)),
  '2 to 16 lower-case letters or digits and an underscore',
)
