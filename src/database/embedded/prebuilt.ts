import { resolve } from 'node:path'

/** An empty database, created when Postern is installed. Without it, a first start creates one, which takes seconds. */
export const PREBUILT = resolve(
  import.meta.dirname,
  import.meta.filename.endsWith('.ts') ? '../../../dist' : '../../..',
  'new-database.tar',
)
