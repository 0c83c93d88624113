import { loadConfig } from '../src/config/config.ts'
import { createServices } from '../src/services.ts'
import type { Bench } from './bench.ts'
import { onServer } from './databases.ts'
import { fill } from './servers/fill.ts'

/**
 * Makes an empty database one with so many tokens of one user.
 * @param revoked part of them, which lie anywhere
 */
export async function fillDatabase(
  { say }: Bench,
  environment: NodeJS.ProcessEnv,
  rows: number,
  revoked: number,
): Promise<void> {
  const services = await createServices({ config: loadConfig(environment) })
  try {
    await services.ensure()
    const person = { email: 'ada@example.com', name: 'Ada Lovelace', password: 'correct horse battery' }
    const user = await services.users.create({ ...person, role: 'user' })
    await services.tokens.issuePersonal({ user, name: 'pattern', scopes: ['orders:read'] })
  } finally {
    await services.close()
  }
  say(`filling a table with ${rows.toLocaleString('en')} rows`)
  await onServer(environment.DATABASE_URL!, client => fill(client, rows, { revoked }))
}
