import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import { StartupError } from '../errors/errors.ts'
import type { Catalogue, CatalogueInput } from '../scopes/catalogue.ts'
import { RESERVED } from '../scopes/reserved.ts'

/** Settings that tokens depend on. Commands use those of the server unless the environment sets others. */
const SHARED = ['audience', 'tokenPrefix', 'personalTokenLifetime', 'tokenMaxLifetime'] as const
type Shared = Pick<Config, (typeof SHARED)[number]>

/** Settings that the last started server stored in the database, for the next start and for commands. */
export interface Deployment extends Shared {
  issuer: string
  /** true: the issuer was set explicitly. false: it was derived from the port. */
  chosen: boolean
  /** Previous issuers that were derived from other ports. */
  previous: string[]
  catalogue: CatalogueInput
  /** true: the catalogue was passed by an embedding application, so there is no file. */
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

/** Stores the settings of this server. @throws StartupError when the stored issuer is a different one */
export function saveDeployment(db: Database, config: Config, catalogue: Catalogue, embedded: boolean): Promise<void> {
  return db.transaction(async em => {
    // The row lock serializes nodes that start at the same time; the later one sees the row of the earlier.
    await em.execute("insert into settings (name, value) values ('deployment', '{}') on conflict (name) do nothing")
    const rows = await em.execute("select value from settings where name = 'deployment' for update")
    const stored = (rows as [{ value: Deployment }])[0].value
    const { issuer, issuerChosen: chosen } = config
    if (stored.issuer) resolveIssuer(config, stored)
    const earlier = stored.issuer ? [...stored.previous, stored.issuer] : []
    const previous = chosen ? [] : [...new Set(earlier)].filter(other => other !== issuer).slice(-10)
    const shared = Object.fromEntries(SHARED.map(name => [name, config[name]]))
    const own = { inherit: catalogue.inherit, scopes: catalogue.scopes.slice(0, -RESERVED.length) }
    const value = { ...shared, issuer, chosen, previous, catalogue: own, embedded }
    await em.execute("update settings set value = ?::jsonb where name = 'deployment'", [JSON.stringify(value)])
  })
}

export interface ResolvedConfig {
  config: Config
  /** A notice for the operator; undefined: none. */
  notice: string | undefined
}

/**
 * Compares the issuer with the stored one. A changed issuer invalidates every JWT, so it must not change by accident
 * (docs/adr/0030).
 * @throws StartupError that says how to proceed
 */
export function resolveIssuer(config: Config, stored: Deployment | undefined): ResolvedConfig {
  if (!stored) return { config, notice: undefined }
  const { issuer, issuerChosen, issuerPrevious } = config
  const configAccepting = (issuers: readonly string[]) => {
    const previous = [...new Set([...issuerPrevious, ...issuers])].filter(other => other !== issuer)
    return Object.freeze({ ...config, issuerPrevious: previous })
  }
  const derived = issuerChosen ? [] : stored.previous
  if (stored.issuer === issuer) return { config: configAccepting(derived), notice: undefined }
  if (!issuerChosen && !stored.chosen) {
    const notice = `PORT has changed, so the issuer is now ${issuer}. Tokens of the issuer ${stored.issuer} are still accepted here. Set ISSUER to keep the same issuer on every port.`
    return { config: configAccepting([...derived, stored.issuer]), notice }
  }
  if (issuerPrevious.includes(stored.issuer)) {
    const notice = `The issuer is now ${issuer}. Tokens of the issuer ${stored.issuer} are accepted while ISSUER_PREVIOUS contains it.`
    return { config: configAccepting([]), notice }
  }
  throw new StartupError(issuerChosen ? issuerChangedNotice(issuer, stored.issuer) : issuerMissingNotice(stored.issuer))
}

const issuerChangedNotice = (issuer: string, old: string) =>
  `ISSUER is ${issuer}, but the tokens in this database have the issuer ${old}, and every JWT among them would be ` +
  `rejected. Set ISSUER=${old} to keep it, or also set ISSUER_PREVIOUS=${old} to accept the old tokens for a time.`

const issuerMissingNotice = (old: string) =>
  `ISSUER is not set, but the tokens in this database have the issuer ${old}. Set ISSUER=${old}. To change the issuer, set ` +
  `ISSUER to the new one and ISSUER_PREVIOUS=${old}.`

/** The configuration of a command: the stored settings of the server, unless the environment sets them. */
export function resolveCommandConfig(config: Config, stored: Deployment | undefined, env: NodeJS.ProcessEnv): Config {
  if (!stored) return config
  const storedSettings: Partial<Config> = {
    ...(!config.issuerChosen && { issuer: stored.issuer, issuerChosen: stored.chosen }),
    ...(!env.AUDIENCE && !config.issuerChosen && { audience: stored.audience }),
    ...(!env.TOKEN_PREFIX && { tokenPrefix: stored.tokenPrefix }),
    ...(!env.PERSONAL_TOKEN_LIFETIME && { personalTokenLifetime: stored.personalTokenLifetime }),
    ...(!env.TOKEN_MAX_LIFETIME && { tokenMaxLifetime: stored.tokenMaxLifetime }),
  }
  return resolveIssuer({ ...config, ...storedSettings }, stored).config
}

/**
 * The stored catalogue, if a command must use it instead of a file.
 * @param file the path of the catalogue in SCOPES_FILE or the working directory
 */
export function commandCatalogue(
  stored: Deployment | undefined,
  file: string | undefined,
  env: NodeJS.ProcessEnv,
): CatalogueInput | undefined {
  if (!stored || env.SCOPES_FILE) return undefined
  return stored.embedded || !file ? stored.catalogue : undefined
}
