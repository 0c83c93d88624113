import { undefinedIfNotFound } from '../errors/errors.ts'
import type { Log } from '../errors/log.ts'
import { type ApplicationSession, type ApplicationUsers, createCallApplication } from './application.ts'
import type { OwnUsers } from './own-users.ts'
import { validateSubject } from './subject.ts'
import type { User } from './user.entity.ts'

/** `provider` of the sessions of people who are signed in at the application. */
export const BY_APPLICATION = 'urn:postern:application'

/** Signing in with what an application knows of its users. */
export interface ApplicationSignIn {
  /** Whether the application tells who is signed in there. */
  readonly sharesSessions: boolean
  /** Finds the enabled user with this password at the application; undefined: wrong. @throws 503 */
  authenticate(email: string, password: string): Promise<User | undefined>
  /** Who is signed in at the application; undefined: nobody. @param request that the server received @throws 503 */
  sessionOf(request: object): Promise<ApplicationSession | undefined>
  /** The user of a session at the application; undefined: disabled or gone. @throws 503 */
  userOf(session: ApplicationSession): Promise<User | undefined>
}

export interface ApplicationSignInOptions {
  application: ApplicationUsers | undefined
  ownUsers: Pick<OwnUsers, 'ensure'>
  log: Log
}

/** The requests of the framework in which the server is mounted, by those that the server received. */
const hostRequests = new WeakMap<object, unknown>()

/** The outermost framework sets it first, and stays. */
export function setHostRequest(received: object, request: unknown): void {
  if (!hostRequests.has(received)) hostRequests.set(received, request)
}

export function createApplicationSignIn({ application, ownUsers, log }: ApplicationSignInOptions): ApplicationSignIn {
  const callSignIn = createCallApplication('users.signIn', log)
  const callSession = createCallApplication('users.session', log)

  async function enabled(subject: string): Promise<User | undefined> {
    const user = await ownUsers.ensure(subject).catch(undefinedIfNotFound)
    return user?.disabledAt ? undefined : user
  }

  return {
    sharesSessions: application?.session !== undefined,
    async authenticate(email, password) {
      if (!application?.signIn) return undefined
      const subject = await callSignIn(options => application.signIn?.(email, password, options), readSubject)
      return subject === undefined ? undefined : enabled(subject)
    },
    async sessionOf(received) {
      if (!application?.session) return undefined
      const request = hostRequests.get(received) ?? received
      return callSession(options => application.session?.(request, options), readSession)
    },
    userOf: ({ id }) => enabled(id),
  }
}

/** @throws PosternError for what is no id */
const readSubject = (answer: unknown): string | undefined =>
  answer === undefined || answer === null ? undefined : validateSubject(answer)

function readSession(answer: unknown): ApplicationSession | undefined {
  if (typeof answer !== 'object' || answer === null) {
    const id = readSubject(answer)
    return id === undefined ? undefined : { id }
  }
  const { id, signedInAt } = answer as Partial<Record<keyof ApplicationSession, unknown>>
  const isDate = signedInAt instanceof Date && !Number.isNaN(signedInAt.getTime())
  if (signedInAt !== undefined && signedInAt !== null && !isDate) throw new TypeError('signedInAt is not a date')
  return { id: validateSubject(id), ...(isDate && { signedInAt }) }
}
