import { readDoorkeeper } from './doorkeeper.ts'
import { readPassport } from './passport.ts'
import { readSanctum } from './sanctum.ts'
import type { ReaderOptions, SystemReader } from './system.ts'
import { readTokens } from './tokens.ts'

export type ImportableSystem = 'sanctum' | 'doorkeeper' | 'passport' | 'tokens'

/** Opens the tables of a system. */
export const READERS: Record<ImportableSystem, (options: ReaderOptions) => SystemReader | Promise<SystemReader>> = {
  sanctum: readSanctum,
  doorkeeper: readDoorkeeper,
  passport: readPassport,
  tokens: readTokens,
}
