import { NO_REPLICATION } from '../../../test/helpers/replication.ts'
import { runFailover, type Violations } from './run.ts'
import { SCENARIOS, type ScenarioName } from './scenarios.ts'
import { WAYS, type WayName } from './ways.ts'

export interface FailoverOptions {
  scenarios: ScenarioName[]
  by: WayName[]
  asynchronous: boolean
  /** Each property is broken on purpose, so each run must find all of them. */
  broken: boolean
  defer: (work: () => unknown) => void
  say: (text: string) => void
}

const SHOWN = 5

/** @returns which tool is missing on this machine, if any */
export function missingTool(by: WayName[]): string | undefined {
  return [NO_REPLICATION, ...by.map(name => WAYS[name].missing)].find(text => text !== false)
}

/**
 * Runs the scenarios one after the other, each with servers and nodes of its own.
 * @returns the number of violations
 * @throws Error if something was broken on purpose and a run did not find it
 */
export async function failover(options: FailoverOptions): Promise<number> {
  let count = 0
  for (const by of options.by) {
    for (const scenario of options.scenarios) count += await runOne(options, by, scenario)
  }
  return count
}

async function runOne(options: FailoverOptions, by: WayName, name: ScenarioName): Promise<number> {
  const { asynchronous, broken, say } = options
  const [way, scenario] = [WAYS[by], SCENARIOS[name]]
  const deferred: (() => unknown)[] = []
  const cleanUp = async () => {
    for (const work of deferred.splice(0).reverse()) await work()
  }
  options.defer(cleanUp)
  const standby = asynchronous ? 'asynchronous' : 'synchronous'
  say(`${name}, by ${by}: ${scenario.title}; nodes use ${way.title}; the standby is ${standby}`)
  const defer = (work: () => unknown) => void deferred.push(work)
  const violations = await runFailover({ scenario, way, asynchronous, broken, defer, say }).finally(cleanUp)
  return report(violations, broken, say)
}

function report(found: Violations, broken: boolean, say: (text: string) => void): number {
  const all = Object.values(found).flat()
  const kinds = [...new Set(all)]
  for (const kind of kinds.slice(0, SHOWN)) {
    say(`  VIOLATION, ${all.filter(other => other === kind).length} times: ${kind}`)
  }
  if (kinds.length > SHOWN) say(`  … and ${kinds.length - SHOWN} other kinds`)
  if (all.length === 0) say('  Every node serves again, told the truth, and lost nothing beyond what is promised.')
  const unnoticed = Object.entries(found).filter(([, texts]) => texts.length === 0)
  if (broken && unnoticed.length > 0) {
    throw new Error(`broken on purpose, and not found: ${unnoticed.map(([property]) => property).join(', ')}`)
  }
  return all.length
}
