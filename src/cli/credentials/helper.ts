import type { LoginToken } from '../../../packages/guard/src/login/index.ts'
import { isProtected } from '../../../packages/guard/src/login/options.ts'
import { isPlainHost } from './plain-host.ts'

/** What a tool asked for, and what it may be given. */
export interface HelperContext {
  /** Such as `get`; undefined: none. */
  operation: string | undefined
  /** All of standard input. */
  input(): Promise<string>
  /** @param rejected a token that the server has just refused */
  token(rejected?: string): Promise<LoginToken>
  hosts: Hosts
  /** The user name for tools that need one. Resource servers take the token as the password, and ignore the name. */
  username: string
  env: Readonly<Record<string, string | undefined>>
}

/** Speaks the protocol of one tool. @returns what is written to standard output, with its final newline */
export type Helper = (context: HelperContext) => Promise<string>

/** The hosts that the token may be sent to. A tool may ask for the credential of any other host, and gets none. */
export interface Hosts {
  readonly names: readonly string[]
  /** Whether the token may be sent to a URL: to one of the hosts, by https or to a loopback address. */
  allow(url: string): boolean
}

/** The host of a URL and its path, as every program splits them. */
const URL_PARTS = /^https?:\/\/([^/]+)(\/[^\\\s\p{Cc}]*)?$/iu

/** @param names hosts with their port, unless it is the default port of the scheme */
export function createHosts(names: readonly string[]): Hosts {
  const allowed = new Set(names.map(name => name.toLowerCase()))
  return {
    names: [...allowed],
    allow(url) {
      const [, host] = URL_PARTS.exec(url) ?? []
      if (host === undefined || !isPlainHost(host)) return false
      const parsed = URL.parse(url)
      return parsed !== null && isProtected(url) && allowed.has(parsed.host)
    },
  }
}

/** Seconds since the epoch, rounded down. */
export const toUnixTime = (date: Date) => Math.floor(date.getTime() / 1000)
