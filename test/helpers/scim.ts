import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { type TestApp, type TestOptions, testApp } from './app.ts'

export const SCIM_TOKEN = 'a-token-for-the-directory-of-32-characters'
export const USER_URN = 'urn:ietf:params:scim:schemas:core:2.0:User'
export const GROUP_URN = 'urn:ietf:params:scim:schemas:core:2.0:Group'
export const ENTERPRISE_URN = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'
export const PATCH_URN = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
export type Scim = (
  method: Method,
  path: string,
  payload?: unknown,
  headers?: Record<string, string>,
) => Promise<LightMyRequestResponse>

/** Asks the SCIM routes as the directory. */
export const directory =
  (app: FastifyInstance): Scim =>
  (method, path, payload, headers = {}) =>
    app.inject({
      method,
      url: `/scim/v2${path}`,
      headers: {
        authorization: `Bearer ${SCIM_TOKEN}`,
        ...(payload !== undefined && { 'content-type': 'application/scim+json' }),
        ...headers,
      },
      ...(payload !== undefined && { payload: typeof payload === 'string' ? payload : JSON.stringify(payload) }),
    })

type Test = { teardown(work: () => unknown): void }

export async function testDirectory(t: Test, options: TestOptions = {}): Promise<TestApp & { scim: Scim }> {
  const { app, services } = await testApp(t, { scimToken: SCIM_TOKEN, ...options })
  return { app, services, scim: directory(app) }
}

let people = 0

/** A user as directories create one. */
export function person(more: object = {}) {
  const name = `person${++people}@corp.example`
  return {
    schemas: [USER_URN],
    userName: name,
    externalId: `external-${people}`,
    name: { givenName: 'Grace', familyName: 'Hopper' },
    emails: [{ primary: true, type: 'work', value: name }],
    active: true,
    ...more,
  }
}

/** Creates a user. @returns its id */
export async function provision(scim: Scim, more: object = {}): Promise<string> {
  const answer = await scim('POST', '/Users', person(more))
  if (answer.statusCode !== 201) throw new Error(answer.body)
  return answer.json().id
}

/** Creates a group. @returns its id */
export async function createGroup(scim: Scim, displayName: string, members: string[] = []): Promise<string> {
  const value = members.map(id => ({ value: id }))
  const answer = await scim('POST', '/Groups', { schemas: [GROUP_URN], displayName, members: value })
  if (answer.statusCode !== 201) throw new Error(answer.body)
  return answer.json().id
}

export const operations = (...list: object[]) => ({ schemas: [PATCH_URN], Operations: list })
