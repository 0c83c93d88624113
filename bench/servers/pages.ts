import { answer, usageCall } from '../processes.ts'
import { openServer } from './server.ts'

const { app, postern, listen } = await openServer()
const PASSWORD = 'correct horse battery'

const cookies = (answer: Response) =>
  answer.headers
    .getSetCookie()
    .map(cookie => cookie.split(';', 1)[0])
    .join('; ')

/** Signs in as a browser does. @returns the cookies of the session */
async function signIn(url: string, email: string): Promise<string> {
  const page = await fetch(url)
  const hidden = (await page.text()).matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)
  const fields = Object.fromEntries([...hidden].map(([, name = '', value = '']) => [name, value]))
  const answer = await fetch(url, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie: cookies(page) },
    body: new URLSearchParams({ ...fields, email, password: PASSWORD }),
  })
  if (answer.status !== 303 && answer.status !== 302) throw new Error(`signing in was answered ${answer.status}`)
  return cookies(answer)
}

/** Somebody who has this many tokens and is signed in. @returns the cookies */
async function person({ url, tokens }: { url: string; tokens: number }): Promise<string> {
  const email = `bench-${Date.now()}@example.com`
  const { id } = await postern.users.create({ email, name: 'Ada Lovelace', password: PASSWORD })
  const user = { id, role: 'user' as const }
  const issue = (_: unknown, i: number) =>
    postern.tokens.issuePersonal({ user, name: `deploy ${i}`, scopes: ['orders:read'] })
  await Promise.all(Array.from({ length: tokens }, issue))
  return signIn(`${url}/auth/login`, email)
}

export const calls = answer({ listen, person, usage: usageCall() }, () => app.close())
