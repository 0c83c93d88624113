import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import { createDeviceCookies, type DeviceCookies } from './device-cookies.ts'
import { createSessions, type Sessions } from './sessions.ts'
import { createSignIn, type SignIn } from './sign-in.ts'
import { createThrottle, type Throttle } from './throttle.ts'
import { createUsers, type Users } from './users.ts'

export interface UserServices {
  users: Users
  throttle: Throttle
  signIn: SignIn
  sessions: Sessions
  deviceCookies: DeviceCookies
}

export interface UserServicesOptions {
  db: Database
  bus: InvalidationBus
  config: Config
}

/** Creates the services of this feature. The caller closes `throttle`. */
export function createUserServices({ db, bus, config }: UserServicesOptions): UserServices {
  const users = createUsers(db, bus)
  const throttle = createThrottle(config.redisUrl)
  return {
    users,
    throttle,
    signIn: createSignIn({ db, users, throttle }),
    sessions: createSessions(db, config),
    deviceCookies: createDeviceCookies(config.appKey),
  }
}
