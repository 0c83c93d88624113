import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { openDatabase } from '../../src/open-database.ts'
import { createServices } from '../../src/services.ts'
import { APP_KEY, CATALOGUE, ISSUER, type TestApp, type TestOptions } from './app.ts'
import { testDatabase } from './database.ts'

type Test = { teardown(work: () => unknown): void }

/** Two servers on one PostgreSQL; on the embedded database, which one process has to itself, one server twice. */
export async function testNodes(t: Test, options: TestOptions = {}): Promise<[TestApp, TestApp]> {
  const where = await testDatabase(t)
  const { catalogue = CATALOGUE, log, ...settings } = options
  const config = { ...loadConfig({ APP_KEY, ISSUER, LOG_LEVEL: 'silent' }), ...settings }
  const node = async () => {
    const services = await createServices({ config, catalogue, log, db: await openDatabase(where) })
    t.teardown(() => services.close())
    await services.ensure()
    return { services, app: await createApp(services) }
  }
  const first = await node()
  return [first, where.databaseUrl ? await node() : first]
}
