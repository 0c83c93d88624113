import { checkOptions, isFunction, isObject, requireOptions } from '../packages/guard/src/options.ts'
import { type ConfigOptions, loadConfig } from './config/config.ts'
import { requireMigrated } from './database/migrations.ts'
import type { CatalogueInput } from './scopes/catalogue.ts'
import { createServices, type Services } from './services.ts'
import type { ApplicationUsers } from './users/application.ts'

export interface PosternOptions extends ConfigOptions {
  /** The scopes of this deployment, in place of SCOPES_FILE. */
  catalogue?: CatalogueInput
  /** The users of your application, in place of copies of them here. */
  users?: ApplicationUsers
}

/** The services of `openPostern`, ready for use. @throws what `openPostern` throws */
export async function openServices(options: PosternOptions): Promise<Services> {
  checkOptions('openPostern', options, { catalogue: isObject, users: isObject })
  const { catalogue, users, ...settings } = options
  if (users) checkApplicationUsers(users)
  const config = loadConfig(process.env, settings)
  const services = await createServices({ config, catalogue, users })
  await ready(services).catch(async error => {
    await services.close()
    throw error
  })
  return services
}

/** @throws TypeError that names the function that is missing or misspelt */
function checkApplicationUsers(users: ApplicationUsers): void {
  requireOptions('openPostern: users', users, ['find'])
  checkOptions('openPostern: users', users, { find: isFunction, signIn: isFunction, session: isFunction })
}

async function ready(services: Services): Promise<void> {
  await requireMigrated(services.db)
  await services.ensure()
  await services.saveDeployment()
  services.listen()
}
