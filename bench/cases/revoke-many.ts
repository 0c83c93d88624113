import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Case } from '../bench.ts'
import { fillDatabase } from '../fill-database.ts'
import { startProcess } from '../processes.ts'
import { percentile } from '../rounds.ts'
import type { calls } from '../servers/revoke-many.ts'

const SERVER = join(import.meta.dirname, '../servers/revoke-many.ts')
const ROWS = 850_000
const SINGLE = 1_000
const SINGLE_PER_SECOND = 20

interface Latencies {
  checks: number[]
  revocations: number[]
}

export const bench: Case = {
  about: 'how fast all tokens of a user are revoked over HTTP, and what that does to checks and other revocations',
  embedded: false,
  async run(bench) {
    const environment = await bench.environment()
    const rows = bench.quick ? 20_000 : ROWS
    await fillDatabase(bench, environment, rows, 0)
    const server = await startProcess<typeof calls>(SERVER, { ...environment, ISSUER: `${environment.ISSUER}/auth` })
    bench.defer(server.close)
    const url = `${await server.call('listen')}/auth`
    const { owner, checked, single } = await server.call('prepare', SINGLE)
    const measure = measureOn(url, checked, single)
    await measure(pause(500))
    const alone = await measure(pause(bench.quick ? 500 : 10_000))
    const start = performance.now()
    let answered = 0
    const revokeAll = async () => {
      const { status } = await fetch(`${url}/api/tokens`, { method: 'DELETE', headers: bearer(owner) })
      if (status !== 202 && status !== 200) throw new Error(`it was answered with ${status}`)
      answered = performance.now() - start
      for (;;) {
        const operation = await server.call('operation')
        if (operation?.status === 'failed') throw new Error('the operation failed')
        if (status === 200 || operation?.status === 'succeeded') return
        await pause(50)
      }
    }
    const beside = await measure(revokeAll())
    const seconds = (performance.now() - start) / 1_000
    const p99 = (values: number[]) => percentile(values, 0.99)
    const ratio = (figure: (of: Latencies) => number[]) => p99(figure(beside)) / p99(figure(alone))
    const one = (what: string, value: number, unit: string, target = {}) => ({ what, values: [value], unit, ...target })
    return {
      rows: [
        one('tokens revoked', rows / seconds, '/s', { atLeast: 20_000 }),
        one('until the response', answered, 'ms'),
        one('until all are revoked', seconds, 's'),
        one('a check alone, p99', p99(alone.checks), 'ms'),
        one('a check beside it, p99', p99(beside.checks), 'ms'),
        one(
          'the ratio of the two',
          ratio(of => of.checks),
          '',
          { atMost: 2 },
        ),
        one('another revocation alone, p99', p99(alone.revocations), 'ms'),
        one('another revocation beside it, p99', p99(beside.revocations), 'ms'),
        one(
          'the ratio of the two',
          ratio(of => of.revocations),
          '',
          { atMost: 2 },
        ),
      ],
      notes: [`${rows.toLocaleString('en')} tokens of one user; ${SINGLE_PER_SECOND} other revocations a second.`],
    }
  },
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** Checks a token again and again, and revokes others, until `work` is done. @returns sorted milliseconds */
function measureOn(url: string, checked: string, single: string[]): (work: Promise<unknown>) => Promise<Latencies> {
  const timed = async (path: string, init: RequestInit, into: number[]) => {
    const start = performance.now()
    const { status } = await fetch(`${url}${path}`, init)
    if (status >= 400) throw new Error(`${path} was answered with ${status}`)
    into.push(performance.now() - start)
  }
  return async work => {
    const [checks, revocations]: [number[], number[]] = [[], []]
    let done = false
    const untilDone = async (step: () => Promise<unknown>) => {
      while (!done) await step()
    }
    const check = () => timed('/api/user', { headers: bearer(checked) }, checks)
    const revoke = async () => {
      const token = single.pop()
      if (token) await timed('/api/tokens/current', { method: 'DELETE', headers: bearer(token) }, revocations)
      await pause(1_000 / SINGLE_PER_SECOND)
    }
    const ended = work.finally(() => {
      done = true
    })
    await Promise.all([ended, untilDone(check), untilDone(revoke)])
    return { checks: checks.sort((a, b) => a - b), revocations: revocations.sort((a, b) => a - b) }
  }
}
