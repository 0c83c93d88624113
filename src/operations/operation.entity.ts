import { defineEntity, p } from '@mikro-orm/postgresql'
import type { Actor } from '../audit/actor.ts'
import type { WorkState } from '../database/run-batches.ts'

/** `running` until one of the others. */
export const OPERATION_STATUSES = ['running', 'succeeded', 'failed', 'cancelled'] as const
export type OperationStatus = (typeof OPERATION_STATUSES)[number]

const OperationSchema = defineEntity({
  name: 'Operation',
  tableName: 'operations',
  indexes: [
    { name: 'operations_running_index', properties: ['updatedAt'], where: "status = 'running'" },
    { name: 'operations_owner_index', properties: ['owner', 'id'] },
  ],
  uniques: [
    {
      name: 'operations_running_unique',
      properties: ['kind', 'input', 'owner', 'requester'],
      where: "status = 'running'",
    },
  ],
  // No foreign keys: an operation outlives what it works on.
  properties: {
    id: p.uuid().primary(),
    /** What it does, such as `sign_out`. */
    kind: p.string().length(32),
    /** What it works on: a user, a client, or a filter. */
    input: p.json<Record<string, string>>(),
    /** The user that requested it, else the client. Empty: neither. */
    owner: p.string().length(36),
    /** The token that requested it. Empty: a browser. Whoever repeats a request with another token has an operation of their own. */
    requester: p.string().length(36),
    /** On whose behalf it goes on. */
    actor: p.json<Actor>(),
    /** Id of a token that it revokes last. */
    lastTokenId: p.uuid().nullable().strictNullable(),
    /** What the next batch continues with. */
    state: p.json<WorkState>(),
    status: p.string().length(16).$type<OperationStatus>(),
    /** Number of tokens that it has revoked. */
    count: p.integer(),
    /** How many it was going to revoke, counted when it continued in the background; null: unknown. */
    total: p.integer().nullable().strictNullable(),
    /** Points for consecutive batches that failed: more for an error than for a timeout. */
    failures: p.integer().default(0),
    createdAt: p.datetime(),
    /** The time of the last batch. */
    updatedAt: p.datetime(),
    finishedAt: p.datetime().nullable().strictNullable(),
    /** When `prune` deletes it. */
    expiresAt: p.datetime().nullable().strictNullable().index(),
  },
})

/** Work of many batches that goes on after the response, on whichever node has time. */
export class Operation extends OperationSchema.class {}
OperationSchema.setClass(Operation)
