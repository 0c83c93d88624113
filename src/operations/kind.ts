import type { Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import type { Step, WorkState } from '../database/run-batches.ts'
import type { Operation } from './operation.entity.ts'

/** What an operation works on, such as `{ user: '0197…' }`. */
export type Input = Readonly<Record<string, string>>

/** What a batch starts from. */
export interface StepInput {
  state: WorkState
  lastTokenId?: string | undefined
}

/** A kind of work that revokes tokens in batches. */
export interface OperationKind<I extends Input> {
  /** Revokes the next batch in the transaction of `em`. Any node may run it, and again if the transaction did not commit. */
  step(em: Em, publish: Publish, input: I, options: StepInput): Promise<Step>
  /** Whether this version knows every condition of the input. Default: it does. Nodes of a later one run it otherwise. */
  understands?(input: Input): boolean
  /** Counts the tokens that are left, for the progress. */
  remaining(em: Em, input: I): Promise<number>
}

/** The details of an audit event. */
export const about = ({ id, kind, count }: Pick<Operation, 'id' | 'kind' | 'count'>): Record<string, unknown> => ({
  operation: id,
  work: kind,
  count,
})
