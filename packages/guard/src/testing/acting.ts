import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { type Identify, kIdentify } from '../checks.ts'
import { checkOptions, isBoolean, isScopes, isText, type OptionRule, requireOptions } from '../options.ts'
import { Token, type TokenInit } from '../token.ts'
import { refuseInProduction } from './production.ts'

/** Further fields of the token: `name`, `expiresAt`, `inherit` … */
type More = Partial<Omit<TokenInit, 'userId' | 'clientId' | 'scopes'>>

export interface Acting extends More {
  /** A user, or the id of one. */
  user: string | { id: string }
  /** Default: none. */
  scopes?: readonly string[]
  /** The id of the client that the token was issued to. Default `testing`. */
  client?: string
}

export interface ActingClient extends More {
  /** A client, or the id of one. */
  client: string | { id: string }
  /** Default: none. */
  scopes?: readonly string[]
}

/** Who acts in an application now, the last one counting, and how it identifies otherwise. */
interface Stage {
  otherwise: Identify
  acts: Identify[]
}
const stages = new WeakMap<object, Stage>()

/**
 * From now on requests of this application that bring no token are let in as this user's; those that bring one are
 * checked as ever. Only of this instance and of children without a guard of their own: other applications in the
 * process go on as they were.
 * @param app where the guard is registered, and ready
 * @returns what undoes it
 * @throws in production, for an application without the guard, and TypeError for an option that says nothing
 */
export function actingAs(app: FastifyInstance, options: Acting): () => void {
  checkActing('actingAs', options, 'user', { user: isNamed, client: isText })
  const { user, client = 'testing', ...more } = options
  return act(app, 'actingAs', { ...more, userId: idOf(user), clientId: client })
}

/** As `actingAs`, with the token of a machine: nobody's user. */
export function actingAsClient(app: FastifyInstance, options: ActingClient): () => void {
  checkActing('actingAsClient', options, 'client', { client: isNamed })
  const { client, ...more } = options
  return act(app, 'actingAsClient', { ...more, userId: null, clientId: idOf(client) })
}

const HOUR_MS = 3_600_000

function act(
  app: FastifyInstance,
  what: string,
  init: Partial<TokenInit> & { userId: string | null; clientId: string },
) {
  refuseInProduction(what)
  const token = new Token({ id: randomUUID(), scopes: [], expiresAt: new Date(Date.now() + HOUR_MS), ...init })
  const stage = stageOf(app, what)
  const acts: Identify = request => (request.headers.authorization === undefined ? token : stage.otherwise(request))
  stage.acts.push(acts)
  play(app, stage)
  return () => {
    stage.acts = stage.acts.filter(each => each !== acts)
    play(app, stage)
  }
}

function stageOf(app: FastifyInstance, what: string): Stage {
  const known = stages.get(app)
  if (known) return known
  const otherwise = (app as { [kIdentify]?: Identify })[kIdentify]
  if (!otherwise || !Object.hasOwn(app, kIdentify)) {
    throw new Error(
      `${what}: no guard is registered here. Give it the application that registers it, after app.ready().`,
    )
  }
  const stage = { otherwise, acts: [] }
  stages.set(app, stage)
  return stage
}

function play(app: FastifyInstance, { otherwise, acts }: Stage): void {
  Object.assign(app, { [kIdentify]: acts.at(-1) ?? otherwise })
}

/** An id, or something that has one. */
const isNamed: OptionRule = (name, value) => {
  if (typeof value === 'object' && value !== null) isText(`${name}.id`, (value as { id?: unknown }).id)
  else isText(name, value)
}

function checkActing(where: string, options: object, who: string, rules: Record<string, OptionRule>): void {
  checkOptions(where, options, { ...rules, scopes: isScopes, inherit: isBoolean })
  requireOptions(where, options, [who])
}

const idOf = (named: string | { id: string }) => (typeof named === 'string' ? named : named.id)
