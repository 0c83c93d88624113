import type { Services } from '../../src/services.ts'

const TIMEOUT_MS = 10_000

/** Creates a user who issues tokens. @returns a personal token that may issue others */
export async function createWriter({ users, tokens }: Services, number: number): Promise<string> {
  const user = await users.create({
    email: `writer${number}@example.com`,
    name: 'Writer',
    password: crypto.randomUUID(),
    role: 'user',
  })
  const scopes = ['orders:read', 'tokens:read', 'tokens:write']
  return (await tokens.issuePersonal({ user, name: 'writer', scopes })).plainText
}

/**
 * Issues a token at a node.
 * @param writer the token that asks for it
 * @returns status 0: there was no response
 */
export async function issueAt(url: string, writer: string): Promise<{ status: number; text: string }> {
  const request = {
    method: 'POST',
    headers: { authorization: `Bearer ${writer}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'rig', scopes: ['orders:read', 'tokens:read'] }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }
  try {
    const response = await fetch(`${url}/api/tokens`, request)
    const { token: text = '' } = (await response.json()) as { token?: string }
    return { status: response.status, text }
  } catch {
    return { status: 0, text: '' }
  }
}
