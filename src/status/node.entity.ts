import { defineEntity, p } from '@mikro-orm/postgresql'

/** How far one reader of a node's feed has been told. */
export interface ReaderPosition {
  client_id: string
  sequence: number
}

const NodeSchema = defineEntity({
  name: 'Node',
  tableName: 'nodes',
  properties: {
    /** A new one with each start. */
    id: p.uuid().primary(),
    /** Host and process, for people. */
    name: p.string().length(255),
    /** The last change of a status that it has heard of. */
    sequence: p.bigint('number'),
    /** When it heard of that, by the clock of the database; null: when it started, it was so already. */
    reachedAt: p.datetime().nullable().strictNullable(),
    /** false: it cannot hear the others, and asks the database for every token. */
    hearing: p.boolean(),
    readers: p.json<ReaderPosition[]>(),
    /** Its last sign of life; a node that gives none is gone. */
    seenAt: p.datetime(),
  },
})

/** A process of this server that runs now, as far as it has said. */
export class Node extends NodeSchema.class {}
NodeSchema.setClass(Node)
