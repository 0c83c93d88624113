import { type Command, Option } from 'commander'
import { failover, missingTool } from './failover.ts'
import { SCENARIOS, type ScenarioName } from './scenarios.ts'
import { WAYS, type WayName } from './ways.ts'

interface Options {
  scenario: ScenarioName | 'all'
  by: WayName | 'all'
  asynchronous: boolean
  break: boolean
}

interface Rig {
  inWorld(work: (defer: (work: () => unknown) => void) => Promise<number>): Promise<void>
  say: (text: string) => void
}

const scenarios = Object.keys(SCENARIOS) as ScenarioName[]
const ways = Object.keys(WAYS) as WayName[]

/** Adds the command that takes a primary away. */
export function addFailover(program: Command, { inWorld, say }: Rig): void {
  program
    .command('failover')
    .description('Takes a primary away under load, promotes its standby, and looks for what was acknowledged.')
    .addOption(
      new Option('--scenario <name>', 'what happens to the primary').choices([...scenarios, 'all']).default('all'),
    )
    .addOption(new Option('--by <way>', 'how nodes reach the primary').choices([...ways, 'all']).default('hosts'))
    .option('--asynchronous', 'the primary does not wait for the standby, which is 1.5 seconds behind', false)
    .option('--break', 'the standby stops following, one node has one address only, another one a wrong check', false)
    .action(async ({ scenario, by, asynchronous, break: broken }: Options) => {
      const chosen = { scenarios: scenario === 'all' ? scenarios : [scenario], by: by === 'all' ? ways : [by] }
      const missing = missingTool(chosen.by)
      if (missing) program.error(missing)
      await inWorld(defer => failover({ ...chosen, asynchronous, broken, defer, say }))
    })
}
