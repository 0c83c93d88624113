import type { Servers } from './servers.ts'

/** What happens to the primary before the standby is promoted. */
export interface Scenario {
  title: string
  strike(servers: Servers): void | Promise<void>
}

export const SCENARIOS = {
  kill: {
    title: 'the primary is killed with signal 9, all its processes at once',
    strike: ({ primary }) => primary.kill(),
  },
  /**
   * The network of the primary is gone, and nobody is told: connections stay open, and no byte arrives. The kernel of this
   * machine still accepts new connections in its place, which is all that differs from a machine without power.
   */
  cut: {
    title: 'the primary is cut off without a word',
    strike: servers => servers.cutPrimary(),
  },
  'read-only': {
    title: 'the primary is killed, and comes back as a standby that can only be read',
    strike({ primary }) {
      primary.kill()
      primary.demote()
      primary.start()
    },
  },
} satisfies Record<string, Scenario>

export type ScenarioName = keyof typeof SCENARIOS
