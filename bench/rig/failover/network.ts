import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import pg from 'pg'
import { answer } from '../../processes.ts'

/** The network between nodes and database servers, in a process of its own: wires that can fall silent or be slow. */
const sockets = new Set<Socket>()
const servers: Server[] = []
/** Ports of wires that let nothing through. */
const silent = new Set<number>()

/** How a pair of sockets ends: with both. */
function tie(near: Socket, far: Socket): void {
  for (const socket of [near, far]) {
    sockets.add(socket)
    const end = () => {
      sockets.delete(socket)
      near.destroy()
      far.destroy()
    }
    socket.on('error', end).on('close', end)
  }
}

async function listen(server: Server): Promise<number> {
  servers.push(server)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

interface Wire {
  /** Port on 127.0.0.1 that it leads to. */
  to: number
  /** How much later the answers arrive, in milliseconds. */
  delayMs?: number
}

export const calls = answer(
  {
    /** @returns the port of the wire */
    async wire({ to, delayMs = 0 }: Wire): Promise<number> {
      const server = createServer({ noDelay: true }, near => {
        near.on('error', () => {})
        sockets.add(near)
        if (silent.has(port)) return
        const far = connect({ host: '127.0.0.1', port: to, noDelay: true })
        tie(near, far)
        const isWhole = () => !silent.has(port)
        const answered = (data: Buffer) => void (isWhole() && !near.destroyed && near.write(data))
        near.on('data', data => isWhole() && far.write(data))
        far.on('data', data => (delayMs ? setTimeout(answered, delayMs, data) : answered(data)))
      })
      const port = await listen(server)
      return port
    },
    /** From now on, connections through the wire stay open, new ones are taken, and no byte arrives. */
    silence(port: number) {
      silent.add(port)
    },
    /**
     * Says over HTTP whether a PostgreSQL is the primary, as the agents of Patroni do: `GET /primary` is 200 or 503.
     * @returns the port
     */
    primaryCheck(connectionString: string): Promise<number> {
      const server = createHttpServer(async (_, response) => {
        const client = new pg.Client({ connectionString })
        client.on('error', () => {})
        try {
          await client.connect()
          const { rows } = await client.query<{ standby: boolean }>('select pg_is_in_recovery() as standby')
          response.writeHead(rows[0]?.standby ? 503 : 200).end()
        } catch {
          response.writeHead(503).end()
        } finally {
          await client.end().catch(() => {})
        }
      })
      return listen(server)
    },
    /** Ends all connections. */
    drop() {
      for (const socket of sockets) socket.destroy()
    },
  },
  async () => {
    for (const socket of sockets) socket.destroy()
    for (const server of servers) server.close()
  },
)
