import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { answer } from '../processes.ts'

/** The issuer's one name before its nodes: each connection goes to the next node that takes it. */
const open = new Set<Socket>()
let targets: number[] = []
let next = 0
let isCut = false

const server = createServer({ noDelay: true }, near => {
  near.on('error', () => {})
  if (isCut) return void near.destroy()
  forward(near, targets.length)
})

function forward(near: Socket, tries: number): void {
  if (tries === 0) return void near.destroy()
  const far = connect({ host: '127.0.0.1', port: targets[next++ % targets.length] as number, noDelay: true })
  far.once('error', () => forward(near, tries - 1))
  far.once('connect', () => {
    far.removeAllListeners('error')
    for (const socket of [near, far]) {
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        open.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.pipe(far).pipe(near)
  })
}

export const calls = answer(
  {
    async listen(input: { port: number; targets: number[] }) {
      targets = input.targets
      await once(server.listen(input.port, '127.0.0.1'), 'listening')
    },
    /** Breaks what is connected and takes nothing new. */
    cut() {
      isCut = true
      for (const socket of open) socket.destroy()
    },
    mend() {
      isCut = false
    },
  },
  async () => {
    for (const socket of open) socket.destroy()
    server.close()
  },
)
