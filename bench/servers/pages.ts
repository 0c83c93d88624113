import { answer, usageCall } from '../processes.ts'
import { openStandalone } from './server.ts'
import { signIn } from './sign-in.ts'

const { app, postern, listen } = await openStandalone()
const PASSWORD = 'correct horse battery'

/** Somebody who has this many tokens and is signed in. @returns the cookies */
async function person({ url, tokens }: { url: string; tokens: number }): Promise<string> {
  const email = `bench-${Date.now()}@example.com`
  const { id } = await postern.users.create({ email, name: 'Ada Lovelace', password: PASSWORD })
  const user = { id, role: 'user' as const }
  const issue = (_: unknown, i: number) =>
    postern.tokens.issuePersonal({ user, name: `deploy ${i}`, scopes: ['orders:read'] })
  await Promise.all(Array.from({ length: tokens }, issue))
  return signIn(`${url}/login`, email, PASSWORD)
}

export const calls = answer({ listen, person, usage: usageCall() }, () => app.close())
