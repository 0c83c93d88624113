import { createConnection, type Socket } from 'node:net'
import { answer } from '../processes.ts'

const sockets: Socket[] = []
/** The oldest sequence number of each chunk of status events, and when it arrived in milliseconds since the epoch. */
let arrivals: [number, number][] = []
/** Events that have arrived. */
let events = 0
let recording = false
const now = () => performance.timeOrigin + performance.now()
const STATUS = Buffer.from('event: status')
const CONCURRENT = 50

/** Plain sockets, so that the readers take as little of the machine as they can. */
function open(port: number, authorization: string): Promise<void> {
  const socket = createConnection({ port, host: '127.0.0.1' })
  sockets.push(socket)
  socket.write(`GET /auth/oauth/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${authorization}\r\n\r\n`)
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('a reader was disconnected')))
    socket.on('data', chunk => {
      resolve()
      if (recording) record(chunk)
    })
  })
}

function record(chunk: Buffer): void {
  const at = chunk.indexOf(STATUS)
  if (at < 0) return
  const before = chunk.toString('latin1', Math.max(0, at - 24), at)
  arrivals.push([Number(/id: (\d+)\n$/.exec(before)?.[1]), now()])
  for (let next = at; next >= 0; next = chunk.indexOf(STATUS, next + 1)) events++
}

export const calls = answer(
  {
    open: async ({ port, credentials, count }: { port: number; credentials: string[]; count: number }) => {
      for (let opened = 0; opened < count; opened += CONCURRENT) {
        const batch = Array.from({ length: Math.min(CONCURRENT, count - opened) }, (_, i) =>
          open(port, credentials[(opened + i) % credentials.length]!),
        )
        await Promise.all(batch)
      }
    },
    record: () => {
      arrivals = []
      events = 0
      recording = true
    },
    /** Sorted milliseconds from the lists of the node to the readers, of the oldest event of each chunk. */
    delays: (emitted: [number, number][]) => {
      recording = false
      const at = new Map(emitted)
      const all = Float64Array.from(
        arrivals,
        ([sequence, arrived]) => arrived - (at.get(sequence) ?? Number.NaN),
      ).sort()
      const quantile = (q: number) => all[Math.min(all.length - 1, Math.floor(all.length * q))] as number
      return { events, chunks: all.length, p50: quantile(0.5), p99: quantile(0.99), max: quantile(1) }
    },
    received: () => events,
  },
  async () => {
    for (const socket of sockets) socket.destroy()
  },
)
