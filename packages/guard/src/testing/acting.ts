import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { type IdentifyRequest, kIdentify } from '../checks.ts'
import { checkOptions, isBoolean, isNonEmptyString, isScopes, type OptionRule, requireOptions } from '../options.ts'
import { Token, type TokenInit } from '../token.ts'
import { refuseInProduction } from './production.ts'

/** Further fields of the token: `name`, `expiresAt`, `inherit` … */
type TokenFields = Partial<Omit<TokenInit, 'userId' | 'clientId' | 'scopes'>>

export interface Acting extends TokenFields {
  /** A user, or the id of one. */
  user: string | { id: string }
  /** Default: none. */
  scopes?: readonly string[]
  /** The id of the client that the token was issued to. Default `testing`. */
  client?: string
}

export interface ActingClient extends TokenFields {
  /** A client, or the id of one. */
  client: string | { id: string }
  /** Default: none. */
  scopes?: readonly string[]
}

/** Who acts in an application now, the last one counting, and how it identifies otherwise. */
interface ActingState {
  original: IdentifyRequest
  overrides: IdentifyRequest[]
}
const states = new WeakMap<object, ActingState>()

/**
 * From now on requests of this application that bring no token are let in as this user's; those that bring one are
 * checked as ever. Only of this instance and of children without a guard of their own: other applications in the
 * process go on as they were.
 * @param app where the guard is registered, and ready
 * @returns what undoes it
 * @throws in production, for an application without the guard, and TypeError for an option that says nothing
 */
export function actingAs(app: FastifyInstance, options: Acting): () => void {
  checkActing('actingAs', options, 'user', { user: isNamed, client: isNonEmptyString })
  const { user, client = 'testing', ...more } = options
  return startActing(app, 'actingAs', { ...more, userId: idOf(user), clientId: client })
}

/** As `actingAs`, with the token of a machine: nobody's user. */
export function actingAsClient(app: FastifyInstance, options: ActingClient): () => void {
  checkActing('actingAsClient', options, 'client', { client: isNamed })
  const { client, ...more } = options
  return startActing(app, 'actingAsClient', { ...more, userId: null, clientId: idOf(client) })
}

const HOUR_MS = 3_600_000

function startActing(
  app: FastifyInstance,
  what: string,
  init: Partial<TokenInit> & { userId: string | null; clientId: string },
) {
  refuseInProduction(what)
  const token = new Token({ id: randomUUID(), scopes: [], expiresAt: new Date(Date.now() + HOUR_MS), ...init })
  const state = stateOf(app, what)
  const override: IdentifyRequest = request =>
    request.headers.authorization === undefined ? token : state.original(request)
  state.overrides.push(override)
  applyState(app, state)
  return () => {
    state.overrides = state.overrides.filter(each => each !== override)
    applyState(app, state)
  }
}

function stateOf(app: FastifyInstance, what: string): ActingState {
  const known = states.get(app)
  if (known) return known
  const original = (app as { [kIdentify]?: IdentifyRequest })[kIdentify]
  if (!original || !Object.hasOwn(app, kIdentify)) {
    throw new Error(
      `${what}: no guard is registered here. Give it the application that registers it, after app.ready().`,
    )
  }
  const stage = { original, overrides: [] }
  states.set(app, stage)
  return stage
}

function applyState(app: FastifyInstance, { original, overrides }: ActingState): void {
  Object.assign(app, { [kIdentify]: overrides.at(-1) ?? original })
}

/** An id, or something that has one. */
const isNamed: OptionRule = (name, value) => {
  if (typeof value === 'object' && value !== null) isNonEmptyString(`${name}.id`, (value as { id?: unknown }).id)
  else isNonEmptyString(name, value)
}

function checkActing(where: string, options: object, who: string, rules: Record<string, OptionRule>): void {
  checkOptions(where, options, { ...rules, scopes: isScopes, inherit: isBoolean })
  requireOptions(where, options, [who])
}

const idOf = (named: string | { id: string }) => (typeof named === 'string' ? named : named.id)
