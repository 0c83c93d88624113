import type { Row } from './table.ts'

/** The context of a benchmark case. */
export interface Bench {
  /** true: a smoke test only; the figures are meaningless. */
  quick: boolean
  /** true: there is no PostgreSQL in this run. */
  embedded: boolean
  rounds: number
  /** Duration of each run in a round, in seconds. */
  seconds: number
  /**
   * Returns the environment for a Postern with its own empty database, which is removed at the end of the case. It uses
   * PostgreSQL unless the run or the case requires the embedded database.
   */
  environment(options?: { embedded: boolean }): Promise<NodeJS.ProcessEnv>
  /** Prints a progress message before a long step. */
  say(text: string): void
  /** Runs the function at the end of the case, also after an error, in reverse order of registration. */
  defer(work: () => Promise<unknown>): void
}

/** A benchmark case. Each file in `cases/` exports one as `bench`; its name is the file name. */
export interface Case {
  /** The heading of its table. */
  about: string
  /** Whether it is meaningful on the embedded database. */
  embedded: boolean
  run(bench: Bench): Promise<{ rows: Row[]; notes?: string[] }>
}
