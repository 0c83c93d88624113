import type { FastifyPluginAsync } from 'fastify'
import type { AuditLog } from '../audit/log.ts'
import { adminAudit } from './audit.ts'
import { adminKeys } from './keys.ts'
import { type AdminTokensOptions, adminTokens } from './tokens.ts'
import { type AdminUsersOptions, adminUsers } from './users.ts'

export interface AdminRoutesOptions extends AdminUsersOptions, AdminTokensOptions {
  auditLog: AuditLog
}

/**
 * The management API: for administrators' tokens with `admin:read` or `admin:write`, and for confidential clients that
 * an operator allowed them.
 */
export function adminRoutes(options: AdminRoutesOptions): FastifyPluginAsync {
  return async app => {
    await app.register(adminUsers(options))
    await app.register(adminTokens(options))
    await app.register(adminKeys(options))
    await app.register(adminAudit(options.auditLog))
  }
}
