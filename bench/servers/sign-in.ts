/** The cookies that a response sets, as a request sends them. */
export const cookies = (answer: Response) =>
  answer.headers
    .getSetCookie()
    .map(cookie => cookie.split(';', 1)[0])
    .join('; ')

/** Signs in as a browser does. @returns the cookies of the session */
export async function signIn(url: string, email: string, password: string): Promise<string> {
  const page = await fetch(url)
  const hidden = (await page.text()).matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)
  const fields = Object.fromEntries([...hidden].map(([, name = '', value = '']) => [name, value]))
  const answer = await fetch(url, {
    method: 'POST',
    redirect: 'manual',
    headers: { cookie: cookies(page) },
    body: new URLSearchParams({ ...fields, email, password }),
  })
  if (answer.status !== 303 && answer.status !== 302) throw new Error(`signing in was answered ${answer.status}`)
  return cookies(answer)
}
