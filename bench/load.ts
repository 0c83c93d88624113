import { connect } from 'node:net'
import type { Process, Usage } from './processes.ts'
import { answerLength } from './requests.ts'
import { percentile } from './rounds.ts'

export interface Load {
  url: string
  /** Duration in seconds; default: until each request was sent once. */
  seconds?: number
  /** Number of concurrent requests, each on its own keep-alive connection. */
  connections: number
  /** Sent in order, and repeated from the start. */
  requests: readonly Buffer[]
  /**
   * true: the load generator never sleeps. A sleeping generator is woken for each response, which on a virtual machine can
   * cost the server more than the response itself. It occupies a core, so it suits cases where only the server needs one.
   */
  awake?: boolean
}

/** The result of a load. Times are in milliseconds. */
export interface Outcome {
  requests: number
  perSecond: number
  p50: number
  p99: number
}

/** The result of a load, with the resource usage of the server. */
export interface ServerOutcome extends Outcome {
  server: Usage
  /** Seconds of CPU time per thousand requests. */
  cpuPerThousand: number
}

/** Runs a load on a process that reports its resource usage. */
export async function load(server: Process<{ usage: () => Usage }>, options: Load): Promise<ServerOutcome> {
  await server.call('usage')
  const outcome = await flood(options)
  const usage = await server.call('usage')
  return { ...outcome, server: usage, cpuPerThousand: (usage.cpu / outcome.requests) * 1000 }
}

/**
 * Sends requests from this process as fast as the server responds. Load generators that parse whole responses spend as much
 * CPU time per request as a bare Fastify route; on two cores they would be the bottleneck and hide the cost of a guard. This
 * one sends prepared requests and reads only the status and length of responses, so the server is the bottleneck.
 * @throws when a request fails, since the result would be meaningless
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
  const isDone = () => (seconds ? performance.now() >= start + seconds * 1000 : sent >= requests.length)
  const next = () => (isDone() ? undefined : requests[sent++ % requests.length])
  await Promise.all(Array.from({ length: connections }, () => converse(new URL(url), next, times)))
  running = false
  const perSecond = (times.length / (performance.now() - start)) * 1000
  times.sort((a, b) => a - b)
  return { requests: times.length, perSecond, p50: percentile(times, 0.5), p99: percentile(times, 0.99) }
}

/** Sends requests on one connection, each after the response to the previous one. */
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
