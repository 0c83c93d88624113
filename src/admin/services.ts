import { type AuditLog, createAuditLog } from '../audit/log.ts'
import type { Database } from '../database/database.ts'
import { createDisplayNames, type DisplayNames } from './display-names.ts'
import { createStatistics, type ReadStatistics } from './statistics.ts'

export interface AdminServices {
  auditLog: AuditLog
  readStatistics: ReadStatistics
  displayNames: DisplayNames
}

export const createAdminServices = (db: Database): AdminServices => ({
  auditLog: createAuditLog(db),
  readStatistics: createStatistics(db),
  displayNames: createDisplayNames(db),
})
