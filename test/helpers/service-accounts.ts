import type { Services } from '../../src/services.ts'
import type { User } from '../../src/users/user.entity.ts'
import { actingAs, newUser } from './app.ts'

let accounts = 0

/** A service account, and a person who looks after it. */
export async function newServiceAccount(services: Services, maintainer?: User, allowedScopes?: string[]) {
  const person = maintainer ?? (await newUser(services))
  const name = `robot ${++accounts}`
  return { person, account: await services.serviceAccounts.create({ name, maintainers: [person.id], allowedScopes }) }
}

export const administrator = (services: Services, scopes: string[] = []) =>
  actingAs(services, ['admin:read', 'admin:write', ...scopes], { role: 'admin' })
