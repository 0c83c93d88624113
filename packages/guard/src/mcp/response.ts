import type { ServerResponse } from 'node:http'
import type { Message } from './messages.ts'
import type { ListedTool } from './policy.ts'
import { headerOf } from './sessions.ts'

type Edit = (tools: ListedTool[]) => ListedTool[]

/** Rewrites the text of a response, in pieces. */
interface Rewriter {
  push(text: string): string
  /** The rest. */
  end(): string
}

/**
 * Edits the results of `tools/list` in a response of the transport, as JSON or as an event stream. Everything else passes
 * unchanged. This is for display; calls of tools are checked by themselves.
 * @param requests the messages that ask for the list
 */
export function editToolLists(response: ServerResponse, requests: readonly Message[], edit: Edit): void {
  const { writeHead, write, end } = response
  const ids = new Set(requests.map(({ id }) => id))
  const decoder = new TextDecoder()
  let rewriter: Rewriter | undefined

  const editMessage = (message: unknown): unknown => {
    if (Array.isArray(message)) return message.map(editMessage)
    const { id, result } = (message ?? {}) as { id?: unknown; result?: { tools?: ListedTool[] } }
    if (!ids.has(id) || !Array.isArray(result?.tools)) return message
    return { ...(message as object), result: { ...result, tools: edit(result.tools) } }
  }
  const rewrite = (chunk: unknown): string =>
    (rewriter as Rewriter).push(
      typeof chunk === 'string' ? chunk : decoder.decode((chunk ?? EMPTY) as Uint8Array, { stream: true }),
    )

  response.writeHead = function (this: ServerResponse, ...args: unknown[]) {
    const type = headerOf(this, args, 'content-type') ?? ''
    if (type.startsWith('text/event-stream')) rewriter = rewriteEvents(editMessage)
    else if (type.startsWith('application/json')) rewriter = rewriteJson(editMessage)
    // The length changes.
    if (rewriter) this.removeHeader('content-length')
    return writeHead.apply(this, (rewriter ? args.map(withoutLength) : args) as never)
  } as typeof writeHead

  response.write = function (this: ServerResponse, chunk: unknown, ...rest: unknown[]) {
    if (!this.headersSent && !rewriter) this.writeHead(this.statusCode)
    if (!rewriter) return write.call(this, chunk as never, ...(rest as [never]))
    const text = rewrite(chunk)
    const done = rest.find(each => typeof each === 'function') as (() => void) | undefined
    if (text !== '') return write.call(this, text, done as never)
    if (done) process.nextTick(done)
    return true
  } as typeof write

  response.end = function (this: ServerResponse, chunk?: unknown, ...rest: unknown[]) {
    if (!this.headersSent && !rewriter) this.writeHead(this.statusCode)
    if (!rewriter) return end.call(this, chunk as never, ...(rest as [never]))
    const last = typeof chunk === 'function' ? '' : rewrite(chunk)
    const done = [chunk, ...rest].find(each => typeof each === 'function')
    return end.call(this, last + rewriter.end(), done as never)
  } as typeof end
}

const EMPTY = new Uint8Array()

const withoutLength = (arg: unknown) =>
  typeof arg === 'object' && arg !== null && !Array.isArray(arg)
    ? Object.fromEntries(Object.entries(arg).filter(([name]) => name.toLowerCase() !== 'content-length'))
    : arg

type EditMessage = (message: unknown) => unknown

/** @returns unchanged unless it is JSON */
function editText(text: string, edit: EditMessage): string {
  try {
    return JSON.stringify(edit(JSON.parse(text)))
  } catch {
    return text
  }
}

function rewriteJson(edit: EditMessage): Rewriter {
  let text = ''
  return {
    push(more) {
      text += more
      return ''
    },
    end: () => editText(text, edit),
  }
}

/** Events end with an empty line (HTML Standard §9.2.6). The transport writes each message as one line of data. */
function rewriteEvents(edit: EditMessage): Rewriter {
  let pending = ''
  const editLine = (line: string) => (line.startsWith('data: {') ? `data: ${editText(line.slice(6), edit)}` : line)
  return {
    push(more) {
      const events = (pending + more).split('\n\n')
      pending = events.pop() as string
      return events.map(event => `${event.split('\n').map(editLine).join('\n')}\n\n`).join('')
    },
    end: () => pending,
  }
}
