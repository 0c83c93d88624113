import type { Row } from './table.ts'

/** What a case gets. */
export interface Bench {
  /** Only to see that it works: the figures mean nothing. */
  quick: boolean
  /** There is no PostgreSQL in this run. */
  embedded: boolean
  rounds: number
  /** How long each run of a round takes. */
  seconds: number
  /**
   * The environment of a Postern with an empty database of its own; gone when the case ends. On PostgreSQL, unless the
   * run or the case wants it embedded.
   */
  environment(options?: { embedded: boolean }): Promise<NodeJS.ProcessEnv>
  /** What takes a while now, for whoever waits. */
  say(text: string): void
  /** Runs when the case ends, however it does; the last deferred runs first. */
  defer(work: () => Promise<unknown>): void
}

/** One file of `cases/` exports one of these as `bench`, and is called by its file's name. */
export interface Case {
  /** One line for the table's head. */
  about: string
  /** Whether it means anything on the embedded database. */
  embedded: boolean
  run(bench: Bench): Promise<{ rows: Row[]; notes?: string[] }>
}
