import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import type { Log } from '../errors/log.ts'
import type { Compose } from '../mail/kinds.ts'
import type { Mail } from '../mail/mail.ts'
import type { KeyRing } from '../security/key-ring.ts'
import { type AccountMail, createAccountMail } from './account-mail.ts'
import type { ApplicationUsers } from './application.ts'
import { type ApplicationSignIn, createApplicationSignIn } from './application-sign-in.ts'
import { type ChangeUser, createChangeUser } from './change-user.ts'
import { createConfirmPassword } from './confirm-password.ts'
import { type ConfirmChange, type ConfirmUser, createConfirmations } from './confirm-user.ts'
import { createDeviceCookies, type DeviceCookies } from './device-cookies.ts'
import { createFactors, type Factors } from './factors/factors.ts'
import { type CheckCode, createCheckCode } from './factors/second-factor.ts'
import { createHashKinds } from './hash-kinds.ts'
import { createHeldForms, type HeldForms } from './held-forms.ts'
import { createLinks } from './links.ts'
import { createCompose } from './messages.ts'
import { createOwnUsers, type OwnUsers, type OwnUsersOptions } from './own-users.ts'
import { createSessions, type Sessions } from './sessions.ts'
import { type CheckPassword, createCheckPassword, createSignIn, type SignIn } from './sign-in.ts'
import { createThrottle, type Throttle } from './throttle.ts'
import { createUserIds, type UserIds } from './user-ids.ts'
import { createUsers, type Users } from './users.ts'

export interface UserServices {
  users: Users
  throttle: Throttle
  /** The first step of a sign-in on the pages. */
  checkPassword: CheckPassword
  /** The second step, by a code. */
  checkCode: CheckCode
  /** A complete sign-in in one request. */
  signIn: SignIn
  factors: Factors
  heldForms: HeldForms
  confirmUser: ConfirmUser
  confirmChange: ConfirmChange
  sessions: Sessions
  deviceCookies: DeviceCookies
  accountMail: AccountMail
  changeUser: ChangeUser
  /** Users of an application. */
  ownUsers: OwnUsers
  userIds: UserIds
  applicationSignIn: ApplicationSignIn
  /** Writes the mails to users. */
  composeMail: Compose
}

export interface UserServicesOptions {
  db: Database
  bus: InvalidationBus
  config: Config
  mail: Mail
  keyRing: KeyRing
  /** The users of the application that embeds the server. */
  application: ApplicationUsers | undefined
  /** Revokes what a user has. */
  forgetUser: OwnUsersOptions['forgetUser']
  log: Log
}

/** Creates the services of this feature. The caller closes `throttle`. */
export function createUserServices(options: UserServicesOptions): UserServices {
  const { db, bus, config, mail, keyRing, application, forgetUser, log } = options
  const changeUser = createChangeUser(bus, mail)
  const users = createUsers({ db, change: changeUser, hashKinds: createHashKinds(db, bus), config })
  const ownUsers = createOwnUsers({ db, changeUser, find: application?.find.bind(application), forgetUser, log })
  const applicationSignIn = createApplicationSignIn({ application, ownUsers, log })
  const links = createLinks(db)
  const throttle = createThrottle(config.redisUrl)
  const factors = createFactors({ db, mail, ring: keyRing, config })
  const checkCode = createCheckCode({ db, mail, throttle, factors })
  const signIn = { db, users, throttle, applicationSignIn, factors, checkCode, config }
  const confirmPassword = createConfirmPassword({ users, throttle, ownUsers, applicationSignIn })
  return {
    users,
    changeUser,
    ownUsers,
    applicationSignIn,
    userIds: createUserIds(db),
    throttle,
    checkPassword: createCheckPassword(signIn),
    checkCode,
    signIn: createSignIn(signIn),
    factors,
    heldForms: createHeldForms(db),
    ...createConfirmations({ users, throttle, factors, checkCode, confirmPassword }),
    sessions: createSessions(db, mail, config),
    deviceCookies: createDeviceCookies(keyRing),
    accountMail: createAccountMail({ db, users, links, mail, changeUser, throttle, config }),
    composeMail: createCompose({ db, links, config }),
  }
}
