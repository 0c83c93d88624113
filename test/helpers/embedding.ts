import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPostern, type Postern, type PosternOptions } from 'postern'
import { APP_KEY } from './app.ts'
import { testDatabase } from './database.ts'

/** Postern as another application opens it, on the database that the suite runs on; closed with the test. */
export async function embedded(
  t: { teardown(work: () => unknown): void },
  options: PosternOptions = {},
): Promise<Postern> {
  const { databaseUrl, databasePoolSize } = await testDatabase(t)
  const dataDir = mkdtempSync(join(tmpdir(), 'postern-embedding-'))
  t.teardown(() => rmSync(dataDir, { recursive: true, force: true }))
  const postern = await openPostern({
    databaseUrl,
    databasePoolSize,
    dataDir,
    appKey: APP_KEY,
    logLevel: 'silent',
    ...options,
  })
  t.teardown(() => postern.close())
  return postern
}
