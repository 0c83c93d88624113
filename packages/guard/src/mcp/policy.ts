import type { ScopeRequirement } from '../requirements.ts'
import type { ScopeName, Token } from '../token.ts'
import { calledTool, type Message } from './messages.ts'

/** A tool of a response to `tools/list`. */
export interface ListedTool {
  name?: unknown
  _meta?: Record<string, unknown>
}

/** Which scopes requests and tools require. */
export interface Policy {
  /** Required of every request. */
  base: ScopeRequirement
  /** Required of these messages together. */
  requirementOf(messages: readonly Message[]): ScopeRequirement
  /**
   * The scopes that a client should request: those that the messages require, and those that the token already has for this
   * server, since clients replace their token by one with exactly these.
   */
  challengeScopes(messages: readonly Message[], token: Token | undefined): string[]
  /** The tools that a client sees. */
  visibleTools(list: ListedTool[], token: Token, unavailable: 'mark' | 'hide'): ListedTool[]
}

export function createPolicy(
  scopes: readonly ScopeName[],
  tools: Readonly<Record<string, readonly ScopeName[]>>,
): Policy {
  const byTool = new Map(Object.entries(tools))
  const known = [...new Set([...scopes, ...[...byTool.values()].flat()])]
  const base: ScopeRequirement = Object.freeze({ mode: 'all', scopes: Object.freeze([...scopes]) })

  function requirementOf(messages: readonly Message[]): ScopeRequirement {
    const ofTools = messages.map(calledTool).flatMap(tool => (tool === undefined ? [] : (byTool.get(tool) ?? [])))
    return ofTools.length === 0 ? base : { mode: 'all', scopes: [...new Set([...scopes, ...ofTools])] }
  }

  return {
    base,
    requirementOf,
    challengeScopes(messages, token) {
      const granted = token ? known.filter(scope => token.can(scope)) : []
      return [...new Set([...requirementOf(messages).scopes, ...granted])]
    },
    visibleTools(list, token, unavailable) {
      const missing = ({ name }: ListedTool) => token.lacks(byTool.get(String(name)) ?? [])
      if (unavailable === 'hide') return list.filter(tool => missing(tool).length === 0)
      return list.map(tool => (missing(tool).length === 0 ? tool : marked(tool, missing(tool))))
    },
  }
}

const marked = (tool: ListedTool, missing: readonly string[]): ListedTool => ({
  ...tool,
  _meta: { ...tool._meta, 'postern/missing_scopes': missing },
})
