import { defineEntity, p } from '@mikro-orm/postgresql'

/** The position of one reader of a node's feed. */
export interface ReaderPosition {
  client_id: string
  sequence: number
}

const NodeSchema = defineEntity({
  name: 'Node',
  tableName: 'nodes',
  properties: {
    /** A new id with each start. */
    id: p.uuid().primary(),
    /** A display name: host and process. */
    name: p.string().length(255),
    /** Sequence number of the last status change that it has received. */
    sequence: p.bigint('number'),
    /** When it received that change, by the clock of the database; null: before it started. */
    reachedAt: p.datetime().nullable().strictNullable(),
    /** false: it receives no notifications and queries the database for every token. */
    hearing: p.boolean(),
    readers: p.json<ReaderPosition[]>(),
    /** The ids of its APP_KEYs, the active one first; null: a node of an earlier version. */
    appKeys: p.json<string[]>().nullable().strictNullable(),
    /** Its last heartbeat. */
    seenAt: p.datetime(),
  },
})

/** A running process of this server. */
export class Node extends NodeSchema.class {}
NodeSchema.setClass(Node)
