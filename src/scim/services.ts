import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import type { TakeOwned } from '../former-person/take-owned.ts'
import type { Mail } from '../mail/mail.ts'
import type { ChangeUser } from '../users/change-user.ts'
import { createCreateScimUser } from './create-user.ts'
import { createFormerPerson } from './former-person.ts'
import { createGroupSource } from './group-source.ts'
import { createScimGroups, type ScimGroups } from './groups.ts'
import type { Source } from './list.ts'
import { createRights, type Rights } from './rights.ts'
import { createSuspendedTokens, type SuspendedTokens } from './suspended.ts'
import { createUserSource } from './user-source.ts'
import { createScimUsers, type ScimUsers } from './users.ts'

export interface ScimServices {
  /** The URL of the routes. */
  base: string
  users: ScimUsers
  userSource: Source
  groups: ScimGroups
  groupSource: Source
  rights: Rights
  suspended: SuspendedTokens
}

export interface ScimServicesOptions {
  db: Database
  bus: InvalidationBus
  mail: Mail
  changeUser: ChangeUser
  /** Takes what a former person owned. */
  takeOwned: TakeOwned
  config: Config
}

/** Users and groups of a directory, which manages them by SCIM. */
export function createScimServices({
  db,
  bus,
  mail,
  changeUser,
  takeOwned,
  config,
}: ScimServicesOptions): ScimServices {
  const base = `${config.issuer}/scim/v2`
  const suspended = createSuspendedTokens(db, bus)
  const rights = createRights(db, bus, config)
  const createUser = createCreateScimUser(bus, mail, config.scimAdopt)
  const formerPerson = createFormerPerson(db, bus, takeOwned)
  return {
    base,
    users: createScimUsers({ db, changeUser, createUser, suspended, formerPerson, rights, base }),
    userSource: createUserSource(db, base),
    groups: createScimGroups({ db, bus, rights, base }),
    groupSource: createGroupSource(db, base),
    rights,
    suspended,
  }
}
