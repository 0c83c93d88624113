import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { answer } from '../processes.ts'

/** A TCP load balancer in front of the nodes: each connection goes to the next available node. */
const open = new Set<Socket>()
let targets: number[] = []
let next = 0
let isCut = false

const server = createServer({ noDelay: true }, client => {
  client.on('error', () => {})
  if (isCut) return void client.destroy()
  forward(client, targets.length)
})

function forward(client: Socket, attempts: number): void {
  if (attempts === 0) return void client.destroy()
  const upstream = connect({ host: '127.0.0.1', port: targets[next++ % targets.length] as number, noDelay: true })
  upstream.once('error', () => forward(client, attempts - 1))
  upstream.once('connect', () => {
    upstream.removeAllListeners('error')
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        open.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.pipe(upstream).pipe(client)
  })
}

export const calls = answer(
  {
    async listen(input: { port: number; targets: number[] }) {
      targets = input.targets
      await once(server.listen(input.port, '127.0.0.1'), 'listening')
    },
    /** Closes all connections and rejects new ones. */
    cut() {
      isCut = true
      for (const socket of open) socket.destroy()
    },
    restore() {
      isCut = false
    },
  },
  async () => {
    for (const socket of open) socket.destroy()
    server.close()
  },
)
