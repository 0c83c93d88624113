import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { WebSocketServer } from 'ws'

type Test = { teardown(work: () => unknown): void }

const RECIPES = resolve(import.meta.dirname, '../../docs/recipes')

/** The code blocks of a recipe, by the language of each. */
export function recipe(name: string): Record<string, string> {
  const page = readFileSync(join(RECIPES, `${name}.md`), 'utf8')
  return Object.fromEntries(
    [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, code]) => [language, code]),
  )
}

/** Replaces addresses of a recipe. @throws Error for one that is not in it */
export function at(code: string, addresses: Record<string, string>): string {
  return Object.entries(addresses).reduce((result, [from, to]) => {
    if (!result.includes(from)) throw new Error(`the recipe has no ${from}`)
    return result.replaceAll(from, to)
  }, code)
}

/** A folder with these files, removed with the test. */
export function folderWith(t: Test, files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'postern-recipe-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  return folder
}

/** Starts a proxy, and waits until it listens. */
export async function startProxy(
  t: Test,
  url: string,
  program: string,
  args: string[],
  env = {},
): Promise<ChildProcess> {
  const { PATH } = process.env
  const proxy = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH, ...env } })
  const ended = once(proxy, 'close')
  let said = ''
  for (const stream of [proxy.stdout, proxy.stderr]) {
    stream.setEncoding('utf8').on('data', chunk => {
      said += chunk
    })
  }
  t.teardown(async () => {
    proxy.kill('SIGKILL')
    await ended
  })
  const failed = ended.then(([code]) => {
    throw new Error(`${program} ended with ${code}: ${said}`)
  })
  await Promise.race([failed, listens(Number(new URL(url).port))])
  failed.catch(() => {})
  return proxy
}

async function listens(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const connected = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (connected) return
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

/** What the API received. */
export interface Received {
  method: string
  url: string
  headers: Record<string, string>
  /** The names of the headers as they were sent. */
  names: string[]
  body: string
}

/** An API that responds with what it received, and a WebSocket that does so with each message. */
export async function echoApi(t: Test): Promise<{ port: number; requests: () => number }> {
  let requests = 0
  const server = createServer(async (request, response) => {
    requests++
    response.setHeader('content-type', 'application/json').end(JSON.stringify(await received(request)))
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, { headers }) => {
    requests++
    socket.on('message', message => socket.send(`${headers['x-auth-user']}: ${message}`))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets.clients) socket.terminate()
    server.close().closeAllConnections()
  })
  return { port: (server.address() as AddressInfo).port, requests: () => requests }
}

const received = async (request: IncomingMessage): Promise<Received> => ({
  method: request.method as string,
  url: request.url as string,
  headers: request.headers as Record<string, string>,
  names: request.rawHeaders.filter((_, i) => i % 2 === 0).map(name => name.toLowerCase()),
  body: await text(request),
})
