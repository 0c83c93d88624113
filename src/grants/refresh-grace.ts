import type { Client } from '../clients/client.entity.ts'
import type { Config } from '../config/config.ts'

type GraceConfig = Pick<Config, 'refreshGrace'>

/**
 * Seconds for which a public client gets the same response again by default. Editors and other apps on a computer often refresh
 * in several processes at once, and would otherwise lose the whole family.
 */
const PUBLIC_SECONDS = 30

/** Seconds for which a used refresh token of the client returns the same response again; 0: never. */
export const refreshGraceOf = ({ refreshGrace }: GraceConfig, client: Pick<Client, 'isConfidential'>): number =>
  refreshGrace ?? (client.isConfidential() ? 0 : PUBLIC_SECONDS)

/** The grace period of any client. */
export const longestRefreshGrace = ({ refreshGrace }: GraceConfig): number => refreshGrace ?? PUBLIC_SECONDS
