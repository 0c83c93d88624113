import type { Remote } from '../../packages/guard/src/index.ts'
import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { type DatabaseOptions, openDatabase } from '../../src/open-database.ts'
import { createServices } from '../../src/services.ts'
import { APP_KEY, CATALOGUE } from './app.ts'

/** The server of an issuer on one of its databases, always at the same address. */
export async function serve(port: number, place: DatabaseOptions) {
  const env = { APP_KEY, ISSUER: `http://127.0.0.1:${port}`, LOG_LEVEL: 'silent', STATUS_LIST_TTL: '1s' }
  const config = { ...loadConfig(env), tokensPerUser: 10_000 }
  const services = await createServices({ config, catalogue: CATALOGUE, db: await openDatabase(place) })
  await services.ensure()
  const app = await createApp(services)
  await app.listen({ port, host: '127.0.0.1' })
  return { services, stop: () => app.close().then(() => services.close()) }
}

export const isAccepted = async (guard: Remote, token: string) => {
  try {
    await guard.authenticate(token)
    return true
  } catch (error) {
    // 503: the status is unknown, so the token is refused too.
    if (![401, 503].includes((error as { status: number }).status)) throw error
    return false
  }
}

export async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise(resolve => setTimeout(resolve, 20))
}
