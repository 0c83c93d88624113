import { type Actor, runWithActor } from '../audit/actor.ts'
import { writeAudit } from '../audit/audit.ts'
import type { Publish } from '../cluster/invalidation-bus.ts'
import type { Database, Em } from '../database/database.ts'
import type { WorkState } from '../database/run-batches.ts'
import { about, type Input, type OperationKind } from './kind.ts'

/** An operation has failed after five consecutive failures. A database that does not answer is waited for ten times as long. */
const MAX_FAILURES = 50
const ERROR = 10
const TIMEOUT = 1
/** Seconds until the next attempt, for each of these points. */
const RETRY_SECONDS = 0.2

/** An operation whose next batch may run. */
export interface Row {
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
export const NEXT = `
  select id, kind, input, actor, last_token_id, state from operations
  where status = 'running' and kind in (select jsonb_array_elements_text(?::jsonb))
    and id not in (select jsonb_array_elements_text(?::jsonb)::uuid)
    and (failures = 0 or updated_at < now() - make_interval(secs => failures * ${RETRY_SECONDS}))
  order by updated_at limit 1 for update skip locked`

const ADVANCE = (keptDays: number) => `
  update operations set state = ?::jsonb, count = count + ?, failures = 0, updated_at = now(),
    status = case when ? then 'succeeded' else 'running' end,
    finished_at = case when ? then now() end,
    expires_at = case when ? then now() + make_interval(days => ${keptDays}) end
  where id = ? returning id, kind, count`

/** One that fails waits behind the others. The parameters are its points, four times, and the id. */
const FAIL = (keptDays: number) => `
  update operations set failures = failures + ?, updated_at = now(),
    status = case when failures + ? >= ${MAX_FAILURES} then 'failed' else 'running' end,
    finished_at = case when failures + ? >= ${MAX_FAILURES} then now() end,
    expires_at = case when failures + ? >= ${MAX_FAILURES} then now() + make_interval(days => ${keptDays}) end
  where id = ? and status = 'running' returning id, kind, input, actor, count, status`

/** What a batch needs. */
export interface BatchOptions {
  db: Database
  kinds: ReadonlyMap<string, OperationKind<Input>>
  /** Days that an operation which has ended can be read. */
  keptDays: number
}

/** Whether this node can run it, or only one of a later version. */
export const understands = ({ kinds }: BatchOptions, { kind, input }: Row): boolean =>
  kinds.get(kind)?.understands?.(input) ?? true

/** Runs a batch in the transaction of `em`. */
export async function advance({ kinds, keptDays }: BatchOptions, em: Em, publish: Publish, row: Row): Promise<void> {
  const { id, kind, input, actor, last_token_id: lastTokenId, state } = row
  const work = kinds.get(kind) as OperationKind<Input>
  const options = { state, lastTokenId: lastTokenId ?? undefined }
  const step = await runWithActor(actor, () => work.step(em, publish, input, options))
  const values = [JSON.stringify(step.state), step.count, step.last, step.last, step.last, id]
  await em.execute(ADVANCE(keptDays), values)
}

/** Counts a failed batch. */
export async function fail({ db, keptDays }: BatchOptions, row: Row, unavailable: boolean): Promise<void> {
  const points = unavailable ? TIMEOUT : ERROR
  await db.transaction(async em => {
    const values = [points, points, points, points, row.id]
    const [failed] = await db.query<Row & { count: number; status: string }>(FAIL(keptDays), values, em)
    if (failed?.status !== 'failed') return
    const { user, client } = failed.input
    runWithActor(failed.actor, () =>
      writeAudit(em, { kind: 'operation.failed', userId: user, clientId: client, details: about(failed) }),
    )
  })
}
