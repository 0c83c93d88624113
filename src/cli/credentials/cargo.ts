import { createInterface } from 'node:readline'
import { LoginError } from '../../../packages/guard/src/login/index.ts'
import { type HelperContext, toUnixTime } from './helper.ts'

/** A request of cargo (the credential provider protocol, version 1). */
interface CargoRequest {
  v?: number
  kind?: string
  registry?: { 'index-url'?: string }
  /** The words after `postern` in cargo's configuration. */
  args?: string[]
}

/**
 * A credential provider of cargo: greets with the versions that it speaks, and answers each line of standard input with a
 * line, until the input ends.
 * @param contextOf the context for the options of a request
 */
export async function cargo(contextOf: ContextOf): Promise<void> {
  const reply = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`)
  reply({ v: [1] })
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() !== '') reply(await answer(contextOf, line))
  }
}

type ContextOf = (words: readonly string[]) => HelperContext | Promise<HelperContext>

async function answer(contextOf: ContextOf, line: string): Promise<object> {
  const request = parse(line)
  if (request?.v !== 1) return failure('other', 'Only version 1 of the protocol is supported.')
  if (request.kind !== 'get') return failure('operation-not-supported')
  const words = Array.isArray(request.args) ? request.args.map(String) : []
  try {
    return await get(await contextOf(words), request)
  } catch (error) {
    if (error instanceof LoginError && error.code === 'not_signed_in') return failure('not-found')
    return failure('other', (error as Error).message)
  }
}

async function get({ hosts, token }: HelperContext, request: CargoRequest): Promise<object> {
  const url = (request.registry?.['index-url'] ?? '').replace(/^sparse\+/, '')
  if (!hosts.allow(url)) return failure('url-not-supported')
  const { accessToken, expiresAt } = await token()
  const cache = expiresAt ? { cache: 'expires', expiration: toUnixTime(expiresAt) } : { cache: 'session' }
  // cargo sends the text as it is in the Authorization header.
  return { Ok: { kind: 'get', token: `Bearer ${accessToken}`, ...cache, operation_independent: true } }
}

const failure = (kind: string, message?: string) => ({
  Err: { kind, ...(message !== undefined && { message, 'caused-by': [] }) },
})

function parse(line: string): CargoRequest | undefined {
  try {
    return JSON.parse(line) ?? undefined
  } catch {
    return undefined
  }
}
