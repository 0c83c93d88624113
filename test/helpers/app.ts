import { randomBytes } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { createApp } from '../../src/app.ts'
import { type Config, loadConfig } from '../../src/config/config.ts'
import { createServices, type Services, type ServicesOptions } from '../../src/services.ts'
import type { LocalUser, Role, User } from '../../src/users/user.entity.ts'
import { openTestDatabase } from './database.ts'

export const APP_KEY = randomBytes(32).toString('base64')
export const ISSUER = 'http://localhost:3000'

export const CATALOGUE = {
  scopes: [
    { id: 'orders:read', description: 'Read orders', default: true },
    { id: 'orders:create', description: 'Place orders' },
    { id: 'reports', description: 'See reports' },
    { id: 'reports:export', description: 'Export reports' },
  ],
}

export interface TestOptions extends Partial<Config> {
  catalogue?: ServicesOptions['catalogue']
  log?: ServicesOptions['log']
}

type Test = { teardown(work: () => unknown): void }

/** All services of this test's own, on the database that the suite runs on; closed with the test. */
export async function testServices(
  t: Test,
  { catalogue = CATALOGUE, log, ...settings }: TestOptions = {},
): Promise<Services> {
  const db = await openTestDatabase(t)
  const config = { ...loadConfig({ APP_KEY, ISSUER, LOG_LEVEL: 'silent' }), ...settings }
  const services = await createServices({ config, catalogue, db, log })
  t.teardown(() => services.close())
  await services.ensure()
  return services
}

export interface TestApp {
  app: FastifyInstance
  services: Services
}

/** The server, for `app.inject`. Routes may be added until the first request. */
export async function testApp(t: Test, options: TestOptions = {}): Promise<TestApp> {
  const services = await testServices(t, options)
  const app = await createApp(services)
  return { app, services }
}

export const PASSWORD = 'correct horse battery'
let people = 0

export function newUser(
  { users }: Services,
  role: Role = 'user',
  email = `user${++people}@example.com`,
): Promise<LocalUser> {
  return users.create({ email, name: 'Ada Lovelace', password: PASSWORD, role })
}

export interface Actor {
  user: LocalUser
  id: string
  token: string
  headers: { authorization: string }
}

/** A user with a personal access token of these scopes, and the header that uses it. */
export async function actingAs(
  services: Services,
  scopes: string[] = [],
  { user, role, format }: { user?: User; role?: Role; format?: 'jwt' | 'opaque' } = {},
): Promise<Actor> {
  const owner = (user as LocalUser | undefined) ?? (await newUser(services, role))
  const issued = await services.tokens.issuePersonal({ user: owner, name: 'test', scopes, format })
  const token = issued.plainText
  return { user: owner, id: issued.token.id, token, headers: { authorization: `Bearer ${token}` } }
}
