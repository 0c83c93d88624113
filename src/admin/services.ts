import { type AuditLog, createAuditLog } from '../audit/log.ts'
import { type AttentionOptions, createAttention, type ReadAttention } from './attention.ts'
import { createDisplayNames, type DisplayNames } from './display-names.ts'
import { createStatistics, type ReadStatistics } from './statistics.ts'

export interface AdminServices {
  auditLog: AuditLog
  readStatistics: ReadStatistics
  readAttention: ReadAttention
  displayNames: DisplayNames
}

export const createAdminServices = (options: AttentionOptions): AdminServices => ({
  auditLog: createAuditLog(options.db),
  readStatistics: createStatistics(options.db),
  readAttention: createAttention(options),
  displayNames: createDisplayNames(options.db),
})
