import type { KnownScopes } from '../authenticator.ts'
import {
  checkOptions,
  isFunction,
  isIssuerList,
  isNonEmptyString,
  isScopes,
  isWebUrl,
  optional,
  requireOptions,
} from '../options.ts'
import type { RemoteOptions } from '../remote/options.ts'
import type { Authenticate } from '../requirements.ts'
import type { ScopeName } from '../token.ts'

/** Where tokens are checked: at a remote issuer, or by `authenticate` of a server in the same process or of your own. */
export type McpGuardOptions = McpOptions & (RemoteOptions | LocalOptions)

interface LocalOptions {
  authenticate: Authenticate
  catalogue?: KnownScopes
  /** The issuers whose tokens `authenticate` accepts, for the metadata. */
  authorizationServers: readonly string[]
}

interface McpOptions {
  /**
   * The URL of the MCP endpoint, as clients have it. It is the resource identifier of the server: a token that names other
   * resources is rejected.
   */
  audience: string
  /** The scopes that every request requires. Clients request them first. Default: none. */
  scopes?: readonly ScopeName[]
  /** The scopes that a call of a tool requires, in addition to `scopes`. A tool that is not named requires no others. */
  tools?: Readonly<Record<string, readonly ScopeName[]>>
  /**
   * What `tools/list` says of the tools that the token may not call. `mark`: their `_meta` has `postern/missing_scopes`. A client
   * can call them, and then gets a token for them (step-up). `hide`: they are left out. Default `mark`.
   */
  unavailableTools?: 'mark' | 'hide'
  /** The name of the server, for display. */
  name?: string
  /** The URL of the documentation for developers. */
  documentation?: string
  /** Called for errors that are no fault of the client. Default: `console.error`. */
  onError?: (error: unknown) => void
}

const isTools = (name: string, value: unknown): void => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${name} must be an object with a list of scopes for each tool.`)
  }
  for (const [tool, scopes] of Object.entries(value)) isScopes(`${name}.${tool}`, scopes)
}

const isChoice = (name: string, value: unknown): void => {
  if (value !== 'mark' && value !== 'hide') throw new TypeError(`${name} must be "mark" or "hide".`)
}

const RULES = {
  audience: isWebUrl,
  scopes: isScopes,
  tools: isTools,
  unavailableTools: isChoice,
  authorizationServers: isIssuerList,
  name: optional(isNonEmptyString),
  documentation: optional(isWebUrl),
  onError: isFunction,
}

/** @throws TypeError that names the first option that is missing or not valid */
export function checkMcpOptions(options: McpGuardOptions): void {
  checkOptions('mcpGuard', options, RULES)
  requireOptions('mcpGuard', options, ['audience'])
  if ('authenticate' in options) requireOptions('mcpGuard', options, ['authorizationServers'])
}
