import { Agent, type IncomingMessage, request } from 'node:http'

const agent = new Agent({ keepAlive: true, maxSockets: 64 })
const TIMEOUT_MS = 120_000

/** Sends a request and returns the status; rejects without a response. `fetch` takes several times as long. */
export function fetchStatus(method: string, url: string, token: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const outgoing = request(url, { method, agent, headers: { authorization: `Bearer ${token}` }, timeout: TIMEOUT_MS })
  outgoing.on('response', (response: IncomingMessage) => {
    response.resume()
    response.on('end', () => resolve(response.statusCode as number))
    response.on('error', reject)
  })
  outgoing.on('timeout', () => outgoing.destroy(new Error('no response')))
  outgoing.on('error', reject)
  outgoing.end()
  return promise
}

export const closeConnections = () => agent.destroy()

/** Follows the feed of a node until the signal. @param arrived called with the status reference and time of each event */
export async function followFeed(
  url: string,
  authorization: string,
  arrived: (reference: string, at: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(`${url}/oauth/events`, { headers: { authorization }, signal })
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    const at = performance.now()
    text += decoder.decode(chunk, { stream: true })
    const events = text.split('\n\n')
    text = events.pop() ?? ''
    for (const event of events) {
      const { list, index } = JSON.parse(event.slice(event.indexOf('data: ') + 6))
      if (list !== undefined) arrived(`${list} ${index}`, at)
    }
  }
}
