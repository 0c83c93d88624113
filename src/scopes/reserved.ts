import type { ReservedScope } from '../../packages/guard/src/reserved-scopes.ts'
import { isAdminScope } from '../../packages/guard/src/scope-set.ts'

/** The scopes of Postern's own routes. Every catalogue contains them, after the scopes of the deployment. */
export const RESERVED = [
  { id: 'tokens:read', description: 'List your personal access tokens', default: false },
  { id: 'tokens:write', description: 'Create, change and revoke your personal access tokens', default: false },
  { id: 'tokens:rotate', description: 'Replace the token itself by a successor', default: false },
  { id: 'clients:read', description: 'List your applications and those you authorized', default: false },
  { id: 'clients:write', description: 'Create, change and revoke your applications', default: false },
  { id: 'admin:read', description: 'See every user, client, token and key', default: false },
  { id: 'admin:write', description: 'Manage every user, client, token and key', default: false },
] as const satisfies readonly { id: ReservedScope; description: string; default: boolean }[]

const READS = /:(read|rotate)$/

/** Whether a token with this scope can change an account or the deployment, or see those of others. */
export const isPowerful = (id: string): boolean =>
  RESERVED.some(scope => scope.id === id && (isAdminScope(id) || !READS.test(id)))
