import { checkOptions, isObject } from '../packages/guard/src/options.ts'
import { type ConfigOptions, loadConfig } from './config/config.ts'
import { requireMigrated } from './database/migrations.ts'
import type { CatalogueInput } from './scopes/catalogue.ts'
import { createServices, type Services } from './services.ts'

export interface PosternOptions extends ConfigOptions {
  /** The scopes of this deployment, in place of SCOPES_FILE. */
  catalogue?: CatalogueInput
}

/** The services of `openPostern`, ready for use. @throws what `openPostern` throws */
export async function openServices(options: PosternOptions): Promise<Services> {
  checkOptions('openPostern', options, { catalogue: isObject })
  const { catalogue, ...settings } = options
  const config = loadConfig(process.env, settings)
  const services = await createServices({ config, catalogue })
  await ready(services).catch(async error => {
    await services.close()
    throw error
  })
  return services
}

async function ready(services: Services): Promise<void> {
  await requireMigrated(services.db)
  await services.ensure()
  await services.saveDeployment()
  services.listen()
}
