import { resolve } from 'node:path'

/** An empty database, made when Postern is installed; without it a first start makes one itself, in seconds. */
export const PREBUILT = resolve(
  import.meta.dirname,
  import.meta.filename.endsWith('.ts') ? '../../../dist' : '../../..',
  'new-database.tar',
)
