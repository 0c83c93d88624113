import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import { StartupError } from '../errors/errors.ts'
import type { Catalogue, CatalogueInput } from '../scopes/catalogue.ts'
import { RESERVED } from '../scopes/reserved.ts'

/** Settings that tokens depend on; commands use those of the server unless the environment sets others. */
const SHARED = ['audience', 'tokenPrefix', 'personalTokenLifetime', 'tokenMaxLifetime'] as const
type Shared = Pick<Config, (typeof SHARED)[number]>

/** What the last server that started on a database left there for the next one, and for commands. */
export interface Deployment extends Shared {
  issuer: string
  /** Somebody set the issuer; otherwise it followed from the port. */
  chosen: boolean
  /** Issuers that followed from other ports. */
  previous: string[]
  catalogue: CatalogueInput
  /** The catalogue was given by an application and stands in no file. */
  embedded: boolean
}

const NO_TABLE = '42P01'

/** @returns undefined when no server has started on this database */
export async function readDeployment(db: Database): Promise<Deployment | undefined> {
  try {
    const [row] = await db.query<{ value: Deployment }>("select value from settings where name = 'deployment'")
    return row?.value
  } catch (error) {
    // A database of an earlier version, before it is migrated.
    if ((error as { code?: unknown }).code === NO_TABLE) return undefined
    throw error
  }
}

/** Writes down what this server is. @throws StartupError when another one with another issuer came first */
export function saveDeployment(db: Database, config: Config, catalogue: Catalogue, embedded: boolean): Promise<void> {
  return db.transaction(async em => {
    // Nodes that start in the same moment take turns, and the later one sees the earlier.
    await em.execute("insert into settings (name, value) values ('deployment', '{}') on conflict (name) do nothing")
    const rows = await em.execute("select value from settings where name = 'deployment' for update")
    const stored = (rows as [{ value: Deployment }])[0].value
    const { issuer, issuerChosen: chosen } = config
    if (stored.issuer) resolveIssuer(config, stored)
    const before = stored.issuer ? [...stored.previous, stored.issuer] : []
    const previous = chosen ? [] : [...new Set(before)].filter(other => other !== issuer).slice(-10)
    const shared = Object.fromEntries(SHARED.map(name => [name, config[name]]))
    const own = { inherit: catalogue.inherit, scopes: catalogue.scopes.slice(0, -RESERVED.length) }
    const value = { ...shared, issuer, chosen, previous, catalogue: own, embedded }
    await em.execute("update settings set value = ?::jsonb where name = 'deployment'", [JSON.stringify(value)])
  })
}

export interface ResolvedConfig {
  config: Config
  /** What whoever starts the server has to know; undefined: nothing. */
  notice: string | undefined
}

/**
 * Compares the issuer with the one that the database knows. A changed issuer makes every JWT worthless, so nobody changes
 * it by accident (docs/adr/0030).
 * @throws StartupError that says how to go on
 */
export function resolveIssuer(config: Config, stored: Deployment | undefined): ResolvedConfig {
  if (!stored) return { config, notice: undefined }
  const { issuer, issuerChosen, issuerPrevious } = config
  const accepting = (issuers: readonly string[]) => {
    const previous = [...new Set([...issuerPrevious, ...issuers])].filter(other => other !== issuer)
    return Object.freeze({ ...config, issuerPrevious: previous })
  }
  const followed = issuerChosen ? [] : stored.previous
  if (stored.issuer === issuer) return { config: accepting(followed), notice: undefined }
  if (!issuerChosen && !stored.chosen) {
    const notice = `The issuer is ${issuer} now, as PORT has changed; tokens that name ${stored.issuer} are still accepted here. Set ISSUER to keep one issuer whatever the port.`
    return { config: accepting([...followed, stored.issuer]), notice }
  }
  if (issuerPrevious.includes(stored.issuer)) {
    const notice = `The issuer is ${issuer} now; tokens that name ${stored.issuer} are accepted while ISSUER_PREVIOUS names it.`
    return { config: accepting([]), notice }
  }
  throw new StartupError(issuerChosen ? issuerChangedNotice(issuer, stored.issuer) : issuerMissingNotice(stored.issuer))
}

const issuerChangedNotice = (issuer: string, old: string) =>
  `ISSUER is ${issuer}, but the tokens in this database name ${old} as their issuer, and every JWT among them would be ` +
  `refused. Set ISSUER=${old} to keep it, or ISSUER_PREVIOUS=${old} beside the new one to accept the old tokens for a time.`

const issuerMissingNotice = (old: string) =>
  `ISSUER is not set, but the tokens in this database name ${old} as their issuer. Set ISSUER=${old}; to change it, set ` +
  `ISSUER to the new one and ISSUER_PREVIOUS=${old}.`

/** What a command works with: the settings of the server, where the environment does not set them. */
export function resolveCommandConfig(config: Config, stored: Deployment | undefined, env: NodeJS.ProcessEnv): Config {
  if (!stored) return config
  const ofServer: Partial<Config> = {
    ...(!config.issuerChosen && { issuer: stored.issuer, issuerChosen: stored.chosen }),
    ...(!env.AUDIENCE && !config.issuerChosen && { audience: stored.audience }),
    ...(!env.TOKEN_PREFIX && { tokenPrefix: stored.tokenPrefix }),
    ...(!env.PERSONAL_TOKEN_LIFETIME && { personalTokenLifetime: stored.personalTokenLifetime }),
    ...(!env.TOKEN_MAX_LIFETIME && { tokenMaxLifetime: stored.tokenMaxLifetime }),
  }
  return resolveIssuer({ ...config, ...ofServer }, stored).config
}

/**
 * The catalogue that a command works with, in place of a file.
 * @param file the one in SCOPES_FILE or in the working folder
 */
export function commandCatalogue(
  stored: Deployment | undefined,
  file: string | undefined,
  env: NodeJS.ProcessEnv,
): CatalogueInput | undefined {
  if (!stored || env.SCOPES_FILE) return undefined
  return stored.embedded || !file ? stored.catalogue : undefined
}
