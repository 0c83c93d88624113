import { type Actor, runWithActor } from '../audit/actor.ts'
import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Database, Em } from '../database/database.ts'
import { isUnavailable, type WorkState } from '../database/run-batches.ts'
import { about, type Input, type OperationKind } from './kind.ts'

/** Runs operations in the background. */
export interface Runner {
  /** An operation was stored. */
  wake(): void
  /** Waits for the batch that is running. Another node, or the next start, continues with the next one. */
  close(): Promise<void>
}

export interface RunnerOptions {
  db: Database
  bus: InvalidationBus
  kinds: ReadonlyMap<string, OperationKind<Input>>
  /** Days that an operation which has ended can be read. */
  keptDays: number
  onError: (error: unknown, operation: string | undefined) => void
}

/** Milliseconds between two looks for operations whose node has ended. */
const POLL_MS = 2_000
/** Consecutive failures after which an operation has failed. */
const MAX_FAILURES = 5

interface Row {
  id: string
  kind: string
  input: Input
  actor: Actor
  last_token_id: string | null
  state: WorkState
}

/**
 * The row stays locked until the end of the batch, so that no other node runs the next batch meanwhile, and a node that dies
 * gives it back with its connection. The one that waited longest is next. Nodes of an older version do not know every kind.
 */
const NEXT = `
  select id, kind, input, actor, last_token_id, state from operations
  where status = 'running' and kind in (select jsonb_array_elements_text(?::jsonb))
  order by updated_at limit 1 for update skip locked`

const ADVANCE = (keptDays: number) => `
  update operations set state = ?::jsonb, count = count + ?, failures = 0, updated_at = now(),
    status = case when ? then 'succeeded' else 'running' end,
    finished_at = case when ? then now() end,
    expires_at = case when ? then now() + make_interval(days => ${keptDays}) end
  where id = ? returning id, kind, count`

/** One that fails waits behind the others. */
const FAIL = (keptDays: number) => `
  update operations set failures = failures + ?, updated_at = now(),
    status = case when failures + ? >= ${MAX_FAILURES} then 'failed' else 'running' end,
    finished_at = case when failures + ? >= ${MAX_FAILURES} then now() end,
    expires_at = case when failures + ? >= ${MAX_FAILURES} then now() + make_interval(days => ${keptDays}) end
  where id = ? and status = 'running' returning id, kind, input, actor, count, status`

/** Runs the batches of operations one after the other, those of several operations in turn. */
export function createRunner({ db, bus, kinds, keptDays, onError }: RunnerOptions): Runner {
  const names = JSON.stringify([...kinds.keys()])
  let closed = false
  let wokenMeanwhile = false
  let running: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  function schedule(ms: number): void {
    clearTimeout(timer)
    if (!closed) timer = setTimeout(run, ms).unref()
  }

  function run(): void {
    wokenMeanwhile = false
    running = runAll().finally(() => {
      running = undefined
      schedule(wokenMeanwhile ? 0 : POLL_MS)
    })
  }

  async function runAll(): Promise<void> {
    while (!closed && (await runNext()));
  }

  /** @returns whether there may be another batch */
  async function runNext(): Promise<boolean> {
    let row: Row | undefined
    try {
      return await bus.transaction(async (em, publish) => {
        row = (await db.query<Row>(NEXT, [names], em))[0]
        if (row) await advance(em, publish, row)
        return row !== undefined
      })
    } catch (error) {
      onError(error, row?.id)
      await fail(row, isUnavailable(error)).catch(failure => onError(failure, row?.id))
      return false
    }
  }

  async function advance(em: Em, publish: Publish, row: Row): Promise<void> {
    const { id, kind, input, actor, last_token_id: lastTokenId, state } = row
    const work = kinds.get(kind) as OperationKind<Input>
    const options = { state, lastTokenId: lastTokenId ?? undefined }
    const step = await runWithActor(actor, () => work.step(em, publish, input, options))
    const values = [JSON.stringify(step.state), step.count, step.last, step.last, step.last, id]
    await em.execute(ADVANCE(keptDays), values)
  }

  /** A database that does not answer says nothing about the operation. */
  async function fail(row: Row | undefined, unavailable: boolean): Promise<void> {
    if (!row) return
    const by = unavailable ? 0 : 1
    await db.transaction(async em => {
      const values = [by, by, by, by, row.id]
      const [failed] = await db.query<Row & { count: number; status: string }>(FAIL(keptDays), values, em)
      if (failed?.status !== 'failed') return
      const { user, client } = failed.input
      runWithActor(failed.actor, () =>
        writeAudit(em, { kind: 'operation.failed', userId: user, clientId: client, details: about(failed) }),
      )
    })
  }

  run()
  return {
    wake() {
      wokenMeanwhile = true
      if (!running) schedule(0)
    },
    async close() {
      closed = true
      clearTimeout(timer)
      await running
    },
  }
}
