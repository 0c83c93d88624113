import { isIP } from 'node:net'
import { normalizeIssuer } from '../issuer-url.ts'
import { BASIC } from './credential.ts'
import { LOG_LEVELS } from './log.ts'

/** A setting of the sidecar. */
export interface Setting {
  about: string
  /** The text after "must be" in a message. */
  expected: string
  fallback?: string
  /** @returns undefined for a wrong value */
  parse(text: string): unknown
  /** Its value comes from a variable, or a file that `<variable>_FILE` names, and no message contains it. */
  isSecret?: true
}

const nonEmpty = (text: string) => text.trim() || undefined
const oneOf = (values: readonly string[], fallback: string) => ({
  expected: `one of ${values.join(', ')}`,
  fallback,
  parse: (text: string) => (values.includes(text) ? text : undefined),
})
const wholeNumber = (min: number, max: number, fallback: string) => ({
  expected: `a whole number from ${min} to ${max}`,
  fallback,
  parse: (text: string) => (/^\d{1,9}$/.test(text) && +text >= min && +text <= max ? +text : undefined),
})
const onOrOff = {
  ...oneOf(['off', 'on'], 'off'),
  parse: (text: string) => ({ on: true, off: false })[text],
}
const isUri = (text: string) => URL.canParse(text) && !text.includes('#')
const isHost = (text: string) => isIP(text) > 0 || /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62}\.?)+$/i.test(text)

/** All settings by their variable. The flag has the same name: `--client-id` for `CLIENT_ID`. */
export const SETTINGS: Readonly<Record<string, Setting>> = {
  ISSUER: {
    about: 'the issuer of the tokens; required',
    expected: 'an http:// or https:// URL without a query, a fragment, a user, or // in its path',
    parse: normalizeIssuer,
  },
  AUDIENCE: {
    about: 'the URI of the API, or several with blanks between them; without it, tokens for the whole deployment only',
    expected: 'an absolute URI without a fragment, or several with blanks between them',
    parse: text => {
      const uris = text.trim().split(/\s+/)
      return uris.every(isUri) ? uris : undefined
    },
  },
  CLIENT_ID: {
    about: 'the client of the API, for the event feed and opaque tokens',
    expected: 'the id of a client',
    parse: nonEmpty,
  },
  CLIENT_SECRET: { about: 'its secret', expected: 'the secret of a client', parse: nonEmpty, isSecret: true },
  PORT: { about: 'the port to listen on', ...wholeNumber(1, 65_535, '4180') },
  HOST: {
    about: 'the address to listen on',
    expected: 'an address or a host name, such as 127.0.0.1, 0.0.0.0 or ::',
    fallback: '127.0.0.1',
    parse: text => (isHost(text) ? text : undefined),
  },
  BASIC: { about: 'the token as the password of HTTP Basic; only: the 401 names no Bearer', ...oneOf(BASIC, 'off') },
  RESOURCE: {
    about: 'the URL of the API, whose metadata a 401 names',
    expected: 'an http:// or https:// URL without a fragment',
    parse: text => (isUri(text) && /^https?:/i.test(text) ? text : undefined),
  },
  MAX_STALENESS_SECONDS: {
    about: 'how long the last known status counts while the issuer is unavailable',
    ...wholeNumber(0, 86_400, '60'),
  },
  INHERIT: { about: 'whether `a` grants `a:b`, as in the catalogue of the issuer', ...onOrOff },
  REPORT_USAGE: { about: 'whether the issuer learns when tokens were last used; needs the client', ...onOrOff },
  LOG_LEVEL: { about: 'what is logged', ...oneOf(LOG_LEVELS, 'info') },
}

/** The name of a setting's flag. */
export const flagOf = (variable: string): string => variable.toLowerCase().replaceAll('_', '-')
