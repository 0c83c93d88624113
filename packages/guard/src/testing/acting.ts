import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { type GuardRegistration, type IdentifyRequest, kGuard } from '../guard-registration.ts'
import { checkOptions, isBoolean, isNonEmptyString, isScopes, type OptionRule, requireOptions } from '../options.ts'
import { Token, type TokenInit } from '../token.ts'
import { refuseInProduction } from './production.ts'

/** Further fields of the token, such as `name`, `expiresAt` and `inherit`. */
type TokenFields = Partial<Omit<TokenInit, 'userId' | 'clientId' | 'scopes'>>

/** The token that `actingAs` simulates. */
export interface Acting extends TokenFields {
  /** A user, or the id of one. */
  user: string | { id: string }
  /** Default: none. */
  scopes?: readonly string[]
  /** The id of the client that the token was issued to. Default `testing`. */
  client?: string
}

/** The token that `actingAsClient` simulates. */
export interface ActingClient extends TokenFields {
  /** A client, or the id of one. */
  client: string | { id: string }
  /** Default: none. */
  scopes?: readonly string[]
}

/** The overrides of an application, of which the last one is active, and its original function. */
interface ActingState {
  registration: GuardRegistration
  original: IdentifyRequest
  overrides: IdentifyRequest[]
}
const states = new WeakMap<object, ActingState>()

/**
 * Treats requests without a token as requests of this user with these scopes. Requests with a token are checked as usual.
 * Applies to this Fastify instance and to its children without a guard of their own.
 * @param app the instance that registers the guard, after `app.ready()`
 * @returns a function that undoes it
 * @throws Error when `NODE_ENV` is `production`, and for an instance without a guard
 * @throws TypeError for an option that is missing or empty
 * @example
 * const stop = actingAs(app, { user: 'ada', scopes: ['orders:read'] })
 * const response = await app.inject('/orders')
 * stop()
 */
export function actingAs(app: FastifyInstance, options: Acting): () => void {
  checkActing('actingAs', options, 'user', { user: isIdentified, client: isNonEmptyString })
  const { user, client = 'testing', ...more } = options
  return startActing(app, 'actingAs', { ...more, userId: idOf(user), clientId: client })
}

/**
 * Like `actingAs`, with the token of a machine: its `userId` is null. Throws the same errors.
 * @example
 * const stop = actingAsClient(app, { client: 'nightly', scopes: ['reports'] })
 */
export function actingAsClient(app: FastifyInstance, options: ActingClient): () => void {
  checkActing('actingAsClient', options, 'client', { client: isIdentified })
  const { client, ...more } = options
  return startActing(app, 'actingAsClient', { ...more, userId: null, clientId: idOf(client) })
}

const HOUR_MS = 3_600_000

function startActing(
  app: FastifyInstance,
  caller: string,
  init: Partial<TokenInit> & { userId: string | null; clientId: string },
) {
  refuseInProduction(caller)
  const token = new Token({ id: randomUUID(), scopes: [], expiresAt: new Date(Date.now() + HOUR_MS), ...init })
  const state = stateOf(app, caller)
  const override: IdentifyRequest = request =>
    request.headers.authorization === undefined ? token : state.original(request)
  state.overrides.push(override)
  applyState(state)
  return () => {
    state.overrides = state.overrides.filter(each => each !== override)
    applyState(state)
  }
}

function stateOf(app: FastifyInstance, caller: string): ActingState {
  const existing = states.get(app)
  if (existing) return existing
  const registration = (app as { [kGuard]?: GuardRegistration })[kGuard]
  if (!registration || !Object.hasOwn(app, kGuard)) {
    throw new Error(
      `${caller}: this instance has no guard. Pass the instance that registers the guard, after app.ready().`,
    )
  }
  const state = { registration, original: registration.identify, overrides: [] }
  states.set(app, state)
  return state
}

function applyState({ registration, original, overrides }: ActingState): void {
  registration.identify = overrides.at(-1) ?? original
}

/** An id, or an object that has one. */
const isIdentified: OptionRule = (name, value) => {
  if (typeof value === 'object' && value !== null) isNonEmptyString(`${name}.id`, (value as { id?: unknown }).id)
  else isNonEmptyString(name, value)
}

function checkActing(where: string, options: object, required: string, rules: Record<string, OptionRule>): void {
  checkOptions(where, options, { ...rules, scopes: isScopes, inherit: isBoolean })
  requireOptions(where, options, [required])
}

const idOf = (value: string | { id: string }) => (typeof value === 'string' ? value : value.id)
