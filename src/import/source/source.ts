/** A row of another system: its columns as text, as in a dump of that database. */
export type SourceRow = Readonly<Record<string, string | null>>

/** Some rows of a table, and how much of the table has been read with them. */
export interface Chunk {
  rows: SourceRow[]
  /** In the unit of `total`. */
  done: number
}

/** The tables of another system. */
export interface Source {
  /** The names of the columns; undefined if there is no such table. */
  columns(table: string): Promise<readonly string[] | undefined>
  /** The rows of a table. A table that does not exist has none. */
  chunks(table: string): AsyncIterable<Chunk>
  /** How much there is to read, in rows or bytes. */
  total(table: string): Promise<number>
  /** Whether it lists every row of its tables, so that a row that it lacks was deleted. */
  readonly isComplete: boolean
  /** What the operator should know of it. */
  readonly notes: readonly string[]
  close(): Promise<void>
}
