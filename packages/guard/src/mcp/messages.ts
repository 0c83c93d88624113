/** A JSON-RPC 2.0 message (§4). What a client sends may be anything, so its members are unknown. */
export interface Message {
  id?: unknown
  method?: unknown
  params?: unknown
}

/** The messages of a body: one, or a batch (§6). Anything else is left to the server to reject. */
export function messagesOf(body: unknown): Message[] {
  return (Array.isArray(body) ? body : [body]).filter(message => typeof message === 'object' && message !== null)
}

/** The name of the tool that a message calls; undefined: it calls none. */
export function calledTool({ method, params }: Message): string | undefined {
  if (method !== 'tools/call' || typeof params !== 'object' || params === null) return undefined
  const { name } = params as { name?: unknown }
  return typeof name === 'string' ? name : undefined
}

/** Whether a message asks for the list of tools. */
export const isToolList = ({ method }: Message): boolean => method === 'tools/list'
