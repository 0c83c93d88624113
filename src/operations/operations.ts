import { type Actor, getActor } from '../audit/actor.ts'
import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { isUnavailable, type Progress, type RunOptions, runSteps, type WorkState } from '../database/run-batches.ts'
import { conflict, raise } from '../errors/errors.ts'
import { isUuid } from '../text/uuid.ts'
import { about, type Input, type OperationKind } from './kind.ts'
import { Operation, type OperationStatus } from './operation.entity.ts'
import { createRunner, type Runner } from './runner.ts'

export interface OperationOptions extends RunOptions {
  /** Id of a token that is revoked last, so that whoever asks can follow the work or repeat it. */
  lastTokenId?: string | undefined
  /** What is not done by `timeoutMs` goes on in the background. Otherwise the same call continues it. */
  background?: boolean | undefined
}

/** Progress of this call, and the operation that goes on with the rest. */
export interface OperationProgress extends Progress {
  operation?: Operation | undefined
}

export type RunOperation<I extends Input> = (input: I, options?: OperationOptions) => Promise<OperationProgress>

/** Which operations: of any owner and status, unless they are given. `owner`: only those that this user requested for itself. */
export interface OperationScope {
  owner?: string | undefined
  statuses?: readonly OperationStatus[] | undefined
}

/** Administrators request others, and see them as long as they are administrators. */
const within = ({ owner, statuses }: OperationScope) => ({
  ...(owner !== undefined && { owner, input: { user: owner } }),
  ...(statuses && { status: { $in: [...statuses] } }),
})

export interface Operations {
  /**
   * Defines a kind of work.
   * @returns a function that runs it: within the call until the time is up, then in the background. A repeated call starts
   *   again from the beginning, and what it leaves replaces what an operation of the same token or browser had left.
   */
  define<I extends Input>(kind: string, work: OperationKind<I>): RunOperation<I>
  /** Lists operations, newest first. */
  list(scope: OperationScope, page: { limit: number; after?: string | undefined }): Promise<Operation[]>
  find(id: string, scope?: OperationScope): Promise<Operation | undefined>
  /**
   * Ends an operation. What it has revoked stays revoked.
   * @throws 409 if it has ended already
   */
  cancel(id: string): Promise<Operation>
  /** Starts to run what is left in the background. */
  start(): Runner
}

/** Days that operations which have ended can be read. */
const KEPT_DAYS = 7

/**
 * What another call has left is done by what this one leaves: both go through the same tokens, and this one began later and has
 * come as far as its state says.
 */
const STORE = `
  insert into operations (id, kind, input, owner, requester, actor, last_token_id, state, status, count, total, failures, created_at, updated_at)
  values (?, ?, ?::jsonb, ?, ?, ?::jsonb, ?, ?::jsonb, 'running', ?, ?, 0, now(), now())
  on conflict (kind, input, owner, requester) where status = 'running' do update set
    actor = excluded.actor, last_token_id = excluded.last_token_id, state = excluded.state, failures = 0,
    count = operations.count + excluded.count, total = operations.count + excluded.total, updated_at = now()
  returning id`

const CANCEL = `
  update operations set status = 'cancelled', finished_at = now(), updated_at = now(),
    expires_at = now() + make_interval(days => ${KEPT_DAYS})
  where id = ? and status = 'running' returning id`

export interface OperationsOptions {
  db: Database
  bus: InvalidationBus
  /** Called with errors of batches in the background. */
  onError: (error: unknown, operation: string | undefined) => void
}

export function createOperations({ db, bus, onError }: OperationsOptions): Operations {
  const kinds = new Map<string, OperationKind<Input>>()
  let runner: Runner | undefined

  /** @returns null if counting takes too long */
  async function countAll(kind: string, input: Input, done: number): Promise<number | null> {
    const counting = db.run(async em => done + ((await kinds.get(kind)?.remaining(em, input)) ?? 0))
    return counting.catch(error => (isUnavailable(error) ? null : raise(error)))
  }

  /** Stores what is left. @returns the operation */
  async function store(kind: string, input: Input, left: Progress & { state: WorkState }, lastTokenId?: string) {
    const total = await countAll(kind, input, left.count)
    const actor = getActor()
    const requester = actor.tokenId ?? ''
    const values = [newId(), kind, json(input), ownerOf(actor), requester, json(actor), lastTokenId ?? null]
    const stored = await db.transaction(async em => {
      const [row] = await db.query<{ id: string }>(STORE, [...values, json(left.state), left.count, total], em)
      const operation = await em.findOneOrFail(Operation, { id: row?.id as string })
      writeAudit(em, {
        kind: 'operation.started',
        userId: input.user,
        clientId: input.client,
        details: about(operation),
      })
      return operation
    })
    runner?.wake()
    return stored
  }

  return {
    define(kind, work) {
      kinds.set(kind, work as unknown as OperationKind<Input>)
      return async (input, { lastTokenId, background = false, ...limits } = {}) => {
        const step = (state: WorkState) =>
          bus.transaction((em, publish) => work.step(em, publish, input, { state, lastTokenId }))
        const { state, ...done } = await runSteps(step, limits)
        if (done.complete || !background) return done
        // Without the database, repeating the call continues.
        const stored = store(kind, input, { ...done, state }, lastTokenId)
        return { ...done, operation: await stored.catch(error => (isUnavailable(error) ? undefined : raise(error))) }
      }
    },

    list: (scope, { limit, after }) => {
      const where = { ...within(scope), ...(after !== undefined && { id: { $lt: after } }) }
      return db.run(em => em.find(Operation, where, { orderBy: { id: 'desc' }, limit }))
    },

    async find(id, scope = {}) {
      if (!isUuid(id)) return undefined
      const where = { id, ...within(scope) }
      return db.run(async em => (await em.findOne(Operation, where)) ?? undefined)
    },

    cancel: id =>
      db.transaction(async em => {
        const cancelled = (await db.query(CANCEL, [id], em)).length > 0
        if (!cancelled) throw conflict('The operation has ended already.')
        const operation = await em.findOneOrFail(Operation, { id })
        const { user, client } = operation.input
        writeAudit(em, { kind: 'operation.cancelled', userId: user, clientId: client, details: about(operation) })
        return operation
      }),

    start: () => (runner = createRunner({ db, bus, kinds, keptDays: KEPT_DAYS, onError })),
  }
}

/** Whoever requests an operation may see it: a user by any token or session, a machine by its tokens. */
export const ownerOf = ({ userId, clientId }: Pick<Actor, 'userId' | 'clientId'>): string => userId ?? clientId ?? ''

const json = (value: unknown) => JSON.stringify(value)
