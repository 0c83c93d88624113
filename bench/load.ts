import { connect } from 'node:net'
import type { Process, Usage } from './processes.ts'
import { answerLength } from './requests.ts'
import { percentile } from './rounds.ts'

export interface Load {
  url: string
  /** How long; without, until each request was sent once. */
  seconds?: number
  /** Requests in flight, each on a connection that is kept alive. */
  connections: number
  /** Sent in order, again from the start when they are through. */
  requests: readonly Buffer[]
  /**
   * Never sleeps. A generator that waits is woken for each answer, which on a virtual machine costs the server more than
   * the answer does. It takes a core, so only where nothing but the server needs one.
   */
  awake?: boolean
}

/** What came of a load. Times are in milliseconds. */
export interface Outcome {
  requests: number
  perSecond: number
  p50: number
  p99: number
}

/** With what it took the process that answered. */
export interface ServerOutcome extends Outcome {
  server: Usage
  /** Seconds of processor time for a thousand requests. */
  cpuPerThousand: number
}

/** A load on a process of ours, which can say what it took. */
export async function load(server: Process<{ usage: () => Usage }>, options: Load): Promise<ServerOutcome> {
  await server.call('usage')
  const outcome = await flood(options)
  const usage = await server.call('usage')
  return { ...outcome, server: usage, cpuPerThousand: (usage.cpu / outcome.requests) * 1000 }
}

/**
 * Sends requests from this process as fast as they are answered. Load generators that read whole answers spend as much
 * processor time on a request as a bare Fastify route does; on two cores they would be the limit, and hide what a guard
 * costs. This one sends what was written before and reads only status and length: the server is the limit.
 * @throws when a request fails: a figure with errors in it says nothing
 */
export async function flood({ url, seconds, connections, requests, awake = false }: Load): Promise<Outcome> {
  const times: number[] = []
  let running = awake
  const spin = () => {
    if (running) setImmediate(spin)
  }
  spin()
  const start = performance.now()
  let sent = 0
  const over = () => (seconds ? performance.now() >= start + seconds * 1000 : sent >= requests.length)
  const next = () => (over() ? undefined : requests[sent++ % requests.length])
  await Promise.all(Array.from({ length: connections }, () => converse(new URL(url), next, times)))
  running = false
  const perSecond = (times.length / (performance.now() - start)) * 1000
  times.sort((a, b) => a - b)
  return { requests: times.length, perSecond, p50: percentile(times, 0.5), p99: percentile(times, 0.99) }
}

/** One connection: a request, its answer, the next request. */
function converse({ hostname, port }: URL, next: () => Buffer | undefined, times: number[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  let sentAt = 0
  let missing = 0
  const send = () => {
    const request = next()
    if (!request) return socket.end(resolve)
    sentAt = performance.now()
    return socket.write(request)
  }
  const read = (chunk: Buffer) => {
    missing ||= answerLength(chunk)
    missing -= chunk.length
    if (missing > 0) return
    times.push(performance.now() - sentAt)
    send()
  }
  socket.on('connect', send)
  socket.on('data', chunk => {
    try {
      read(chunk as Buffer)
    } catch (error) {
      socket.destroy(error as Error)
    }
  })
  socket.on('error', reject)
  socket.on('close', () => reject(new Error('the server closed a connection')))
  return promise
}
