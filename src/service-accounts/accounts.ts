import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database, Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { likePattern } from '../database/like.ts'
import { checkAll, invalid, notFound } from '../errors/errors.ts'
import type { Precondition } from '../http/entity-tag.ts'
import { isForRole } from '../scopes/admin.ts'
import { type Catalogue, TOKENS_ROTATE } from '../scopes/catalogue.ts'
import { validateName } from '../text/name.ts'
import { isUuid } from '../text/uuid.ts'
import type { ChangeUser } from '../users/change-user.ts'
import { lockAccount } from '../users/maintainers.ts'
import { unusableHash } from '../users/passwords.ts'
import { ServiceAccount } from '../users/service-account.entity.ts'
import { type Role, User } from '../users/user.entity.ts'
import { createMaintainers, insertMaintainer, type Maintainers } from './maintainers.ts'
import { type Account, type AccountState, readAccounts } from './read.ts'

export interface NewAccount {
  name: string
  description?: string | undefined
  /** Ids of the people who look after it, at least one. */
  maintainers: readonly string[]
  /** The scopes that its tokens may have; null: those that who issues them may have. Default: null. */
  allowedScopes?: readonly string[] | null | undefined
  /** `admin`: its tokens may have administrative scopes, if an administrator issues them. Default: `user`. */
  role?: Role | undefined
}

export type AccountChange = Partial<Omit<NewAccount, 'maintainers'>>

export interface AccountQuery {
  limit?: number
  after?: string | undefined
  /** Part of the name, case-insensitive. */
  search?: string | undefined
  /** Only those that this person looks after. */
  maintainer?: string | undefined
}

/** Owners of tokens that are no people. They cannot sign in; people look after them. */
export interface ServiceAccounts extends Maintainers {
  /** Checks the settings of a new account. @throws 422 with every invalid field */
  check(input: Omit<NewAccount, 'maintainers'>): void
  /** @throws 422 for an invalid name or scope, and without an enabled person as maintainer */
  create(input: NewAccount): Promise<Account>
  /** Lists accounts, oldest first. */
  list(query?: AccountQuery): Promise<Account[]>
  /** @param maintainer only if this person looks after it @throws 404 */
  find(id: string, maintainer?: string): Promise<Account>
  /** @throws 404; 412 if the precondition fails; 422 */
  update(id: string, change: AccountChange, precondition?: Precondition<AccountState>): Promise<Account>
  /** Its tokens are rejected from the next request on, until it is enabled. @throws 404 */
  disable(id: string): Promise<Account>
  enable(id: string): Promise<Account>
}

export interface ServiceAccountsOptions {
  db: Database
  bus: InvalidationBus
  catalogue: Catalogue
  changeUser: ChangeUser
}

const MAX_DESCRIPTION_LENGTH = 1_000

export function createServiceAccounts({ db, bus, catalogue, changeUser }: ServiceAccountsOptions): ServiceAccounts {
  async function find(id: string, maintainer?: string): Promise<Account> {
    const [account] = isUuid(id) ? await readAccounts(db, { id, maintainer, limit: 1 }) : []
    if (account) return account
    throw notFound('service account')
  }

  /** Every token may replace itself. @throws 422 */
  const resolve = (scopes: readonly string[] | null | undefined, existing: readonly string[] = []) =>
    scopes && catalogue.resolve([...scopes, TOKENS_ROTATE], existing)

  async function change(id: string, parts: Parameters<ChangeUser>[1], store?: (em: Em) => Promise<void>) {
    await changeUser((await find(id)).id, parts, store, { kind: 'service' })
    return find(id)
  }

  const validate = ({ name, description = '', allowedScopes, role = 'user' }: Omit<NewAccount, 'maintainers'>) =>
    checkAll({
      name: () => validateName(name),
      description: () => validDescription(description),
      allowedScopes: () => allowedFor(role, resolve(allowedScopes) ?? null),
    })

  return {
    find,
    check: validate,
    list: ({ search, ...query } = {}) =>
      readAccounts(db, { ...query, ...(search && { pattern: likePattern(search) }) }),

    async create({ name, description = '', maintainers, allowedScopes, role = 'user' }) {
      const passwordHash = await unusableHash()
      const { settings: checked } = checkAll({
        settings: () => validate({ name, description, allowedScopes, role }),
        maintainers: () => assertAny(maintainers),
      })
      const row = { name: checked.name, role, allowedScopes: checked.allowedScopes, ...newRow(passwordHash) }
      const details = { description: checked.description }
      await db.transaction(async em => {
        await em.insert(User, row)
        await em.insert(ServiceAccount, { id: row.id, ...details })
        for (const [index, user] of [...new Set(maintainers)].entries())
          await insertMaintainer(em, row.id, user, `maintainers/${index}`)
        const written = { name: row.name, role, allowed_scopes: row.allowedScopes, maintainers }
        writeAudit(em, { kind: 'service_account.created', userId: row.id, details: written })
      })
      return find(row.id)
    },

    async update(id, { name, description, allowedScopes, role }, precondition) {
      const before = await find(id)
      const checked = checkAll({
        name: () => name !== undefined && { name: validateName(name) },
        description: () => (description === undefined ? undefined : validDescription(description)),
        allowedScopes: () => allowedFor(role, resolve(allowedScopes, before.allowedScopes ?? [])),
      })
      const { description: text, allowedScopes: scopes } = checked
      const values = {
        ...checked.name,
        ...(role && { role }),
        ...(scopes !== undefined && { allowedScopes: scopes }),
      }
      return change(before.id, { 'service_account.changed': values }, async em => {
        await lockAccount(em, before.id)
        const current = await readState(em, before.id)
        precondition?.(current)
        assertForRole({ ...current, ...values })
        if (text !== undefined) await em.nativeUpdate(ServiceAccount, { id: before.id }, { description: text })
      })
    },

    disable: id => change(id, { 'service_account.disabled': { disabledAt: new Date() } }),
    enable: id => change(id, { 'service_account.enabled': { disabledAt: null } }),

    ...createMaintainers(bus, find),
  }
}

/** Does not leave rows in `em`, which the change reads again. */
async function readState(em: Em, id: string): Promise<AccountState> {
  const fresh = { disableIdentityMap: true }
  const user = await em.findOneOrFail(User, { id }, fresh)
  const { description } = await em.findOneOrFail(ServiceAccount, { id }, fresh)
  const { allowedScopes = null, disabledAt = null } = user
  return { ...user, allowedScopes, disabledAt, description }
}

function assertAny(maintainers: readonly string[]): void {
  if (maintainers.length === 0) throw invalid({ path: 'maintainers', message: 'must name at least one person' })
}

/** @returns the scopes @throws 422 if the role is given and excludes one */
function allowedFor<T extends string[] | null | undefined>(role: Role | undefined, allowedScopes: T): T {
  if (role && allowedScopes) assertForRole({ role, allowedScopes })
  return allowedScopes
}

/** @throws 422 */
function assertForRole({ role, allowedScopes }: Pick<User, 'role' | 'allowedScopes'>): void {
  const admin = (allowedScopes ?? []).filter(scope => !isForRole(scope, role))
  if (admin.length > 0)
    throw invalid({ path: 'allowed_scopes', message: `${admin.join(', ')}: only for the role admin` })
}

function validDescription(text: string): string {
  const description = text.normalize('NFC').trim()
  if (description.length <= MAX_DESCRIPTION_LENGTH && !/[^\P{C}\n]/u.test(description)) return description
  throw invalid({ path: 'description', message: `must be at most ${MAX_DESCRIPTION_LENGTH} visible characters` })
}

/** No mail reaches the address (RFC 6761 §6.4). It is there for programs that need one, and is never confirmed. */
const addressOf = (id: string) => `${id}@service-account.invalid`

function newRow(passwordHash: string) {
  const id = newId()
  const now = new Date()
  return {
    id,
    kind: 'service' as const,
    email: addressOf(id),
    emailSkeleton: addressOf(id),
    emailConfirmedAt: null,
    passwordHash,
    hasPassword: false,
    mustChangePassword: false,
    disabledAt: null,
    unlockedAt: null,
    createdAt: now,
    updatedAt: now,
  }
}
