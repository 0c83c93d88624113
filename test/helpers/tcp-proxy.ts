import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

type Test = { teardown(work: () => unknown): void }

/** A wire to a PostgreSQL that breaks on request. */
export interface TcpProxy {
  /** The database's URL through the wire. */
  url: string
  /** Breaks what is connected and refuses what would connect. */
  cut(): void
  /** Lets nothing through and says nothing, as a network that lost a router does. */
  block(): void
  /** Breaks each connection that sends a statement which matches, before the database gets it. */
  cutBefore(statement: RegExp): void
  restore(): void
}

export async function openTcpProxy(t: Test, databaseUrl: string): Promise<TcpProxy> {
  const target = new URL(databaseUrl)
  const pairs = new Set<[Socket, Socket]>()
  let state: 'whole' | 'cut' | 'blocked' = 'whole'
  let trap: RegExp | undefined

  const server = createServer(near => {
    near.on('error', () => {})
    if (state === 'cut') return void near.destroy()
    if (state === 'blocked') return
    const far = connect(Number(target.port || 5432), target.hostname)
    const pair: [Socket, Socket] = [near, far]
    const end = () => {
      for (const socket of pair) socket.destroy()
      pairs.delete(pair)
    }
    pairs.add(pair)
    near.on('data', data => {
      if (state === 'blocked') return
      if (!trap?.test(data.toString('latin1'))) return void far.write(data)
      end()
    })
    far.on('data', data => state === 'blocked' || near.write(data))
    for (const socket of pair) socket.on('error', end).on('close', end)
  })

  await once(server.listen(0, '127.0.0.1'), 'listening')
  const breakAll = () => {
    for (const [near] of [...pairs]) near.destroy()
  }
  t.teardown(() => {
    state = 'cut'
    breakAll()
    server.close()
  })
  const url = new URL(databaseUrl)
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: url.href,
    cut() {
      state = 'cut'
      breakAll()
    },
    block() {
      state = 'blocked'
    },
    cutBefore(statement) {
      trap = statement
    },
    restore() {
      // What was sent meanwhile is lost, so what is connected cannot go on.
      if (state === 'blocked') breakAll()
      state = 'whole'
      trap = undefined
    },
  }
}
