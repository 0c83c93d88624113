import { Agent, type IncomingMessage, request } from 'node:http'

const agent = new Agent({ keepAlive: true, maxSockets: 64 })
const LONGEST_MS = 120_000

/** The status of an answer; rejects when there is none. `fetch` takes several times as long. */
export function ask(method: string, url: string, token: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const asked = request(url, { method, agent, headers: { authorization: `Bearer ${token}` }, timeout: LONGEST_MS })
  asked.on('response', (answer: IncomingMessage) => {
    answer.resume()
    answer.on('end', () => resolve(answer.statusCode as number))
    answer.on('error', reject)
  })
  asked.on('timeout', () => asked.destroy(new Error('no answer')))
  asked.on('error', reject)
  asked.end()
  return promise
}

export const hangUp = () => agent.destroy()

/** Tells when each event of a node's feed arrived, by list and index, until it is ended. */
export async function followFeed(
  url: string,
  authorization: string,
  arrived: (place: string, at: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const answer = await fetch(`${url}/oauth/events`, { headers: { authorization }, signal })
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
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
