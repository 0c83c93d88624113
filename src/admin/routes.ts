import type { FastifyPluginAsync } from 'fastify'
import type { AuditLog } from '../audit/log.ts'
import type { BlockedHosts } from '../clients/blocked-hosts.ts'
import { adminAudit } from './audit.ts'
import { adminBlockedHosts } from './blocked-hosts.ts'
import { type AdminFactorsOptions, adminFactors } from './factors.ts'
import { type InvitationsOptions, invitations } from './invitations.ts'
import { adminKeys } from './keys.ts'
import { type AdminTokensOptions, adminTokens } from './tokens.ts'
import { type AdminUsersOptions, adminUsers } from './users.ts'
import { type AdminVerificationsOptions, adminVerifications } from './verifications.ts'

export interface AdminRoutesOptions
  extends AdminUsersOptions,
    AdminFactorsOptions,
    AdminTokensOptions,
    InvitationsOptions,
    AdminVerificationsOptions {
  auditLog: AuditLog
  blockedHosts: BlockedHosts
}

/**
 * The management API: for administrators' tokens with `admin:read` or `admin:write`, and for confidential clients that
 * an operator allowed them.
 */
export function adminRoutes(options: AdminRoutesOptions): FastifyPluginAsync {
  return async app => {
    await app.register(adminUsers(options))
    await app.register(adminFactors(options))
    await app.register(invitations(options))
    await app.register(adminTokens(options))
    await app.register(adminKeys(options))
    await app.register(adminBlockedHosts(options))
    await app.register(adminVerifications(options))
    await app.register(adminAudit(options.auditLog, options.userIds))
  }
}
