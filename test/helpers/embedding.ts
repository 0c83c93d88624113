import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openPostern, type Postern, type PosternOptions } from 'postern'
import { openServices } from '../../src/open-services.ts'
import type { Services } from '../../src/services.ts'
import { APP_KEY } from './app.ts'
import { testDatabase } from './database.ts'

type Test = { teardown(work: () => unknown): void }

/** Postern as another application opens it, on the database that the suite runs on; closed with the test. */
export async function embedded(t: Test, options: PosternOptions = {}): Promise<Postern> {
  const postern = await openPostern(await settings(t, options))
  t.teardown(() => postern.close())
  return postern
}

/** The services below `embedded`, for a test that looks inside. */
export async function embeddedServices(t: Test, options: PosternOptions = {}): Promise<Services> {
  const services = await openServices(await settings(t, options))
  t.teardown(() => services.close())
  return services
}

async function settings(t: Test, options: PosternOptions): Promise<PosternOptions> {
  const { databaseUrl, databasePoolSize } = await testDatabase(t)
  const dataDir = mkdtempSync(join(tmpdir(), 'postern-embedding-'))
  t.teardown(() => rmSync(dataDir, { recursive: true, force: true }))
  return { databaseUrl, databasePoolSize, dataDir, appKey: APP_KEY, logLevel: 'silent', ...options }
}
