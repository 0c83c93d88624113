import type { ImportContext } from './context.ts'
import { isRefusal, type Refusal } from './drafts.ts'
import type { Part } from './report.ts'
import type { SourceRow } from './source/source.ts'

/** Rows of a batch: few enough that its transaction holds locks for a fraction of a second. */
const BATCH = 500
/** Another row was read before it. */
const REPEATED = 'another row of the source has the same id'
/** Batches at the same time: while the database writes one, the next one is read. An embedded database has one connection. */
const CONCURRENCY = 2

export interface TableReader<T extends object> {
  part: Part
  table: string
  /** @returns whether it is called with this id for the first time */
  isFirst: (id: string) => boolean
  /** @returns undefined for a row that need not be imported */
  toDraft: (row: SourceRow) => T | Refusal | undefined
  importBatch: (drafts: readonly T[]) => Promise<void>
  /** Omitted: every row. */
  isWanted?: ((row: SourceRow) => boolean) | undefined
  onProgress: (done: number) => void
}

/** Reads a table and imports its rows in batches, each in a transaction of its own. */
export async function readTable<T extends object>(context: ImportContext, reader: TableReader<T>): Promise<void> {
  const { from, report, services } = context
  const { part, table, isFirst, toDraft, importBatch, isWanted = () => true, onProgress } = reader
  const concurrency = services.db.embedded ? 1 : CONCURRENCY
  const running = new Set<Promise<void>>()
  let batch: T[] = []

  async function send(): Promise<void> {
    if (running.size >= concurrency) await Promise.race(running)
    const work = importBatch(batch).finally(() => running.delete(work))
    // It is awaited later; until then its failure is not unhandled.
    work.catch(() => {})
    running.add(work)
    batch = []
  }

  function refuse(id: string, reason: string): void {
    report.count(part, 'read')
    report.refuse(part, id, reason)
  }

  /** No table has an id twice, but a file of rows may. If they disagree on whether it is revoked, it is. */
  async function addRepeated(draft: T, id: string): Promise<void> {
    refuse(id, REPEATED)
    if (!('revoked' in draft) || draft.revoked !== true) return
    await finish()
    batch.push({ ...draft, repeated: true })
  }

  async function add(row: SourceRow): Promise<void> {
    const draft = toDraft(row)
    if (draft === undefined) return
    const id = 'ref' in draft ? String(draft.ref) : String((draft as { sourceId?: unknown }).sourceId)
    const first = isFirst(id)
    if (isRefusal(draft)) refuse(id, draft.reason)
    else if (first) batch.push(draft)
    else await addRepeated(draft, id)
  }

  async function finish(): Promise<void> {
    if (batch.length > 0) await send()
    await Promise.all(running)
  }

  async function readAll(): Promise<void> {
    for await (const { rows, done } of from.chunks(table)) {
      for (const row of rows) {
        if (isWanted(row)) await add(row)
        if (batch.length >= BATCH) await send()
      }
      onProgress(done)
    }
    await finish()
  }

  // A failed batch ends the import only when the others have ended too.
  await readAll().finally(() => Promise.allSettled(running))
}
