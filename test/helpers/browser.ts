import { hash, randomBytes } from 'node:crypto'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import type { User } from '../../src/users/user.entity.ts'
import { PASSWORD } from './app.ts'

type Fields = Record<string, string | undefined>

/** As much of a browser as the pages need: it keeps cookies, fills in forms and does not follow redirects by itself. */
export class Browser {
  readonly cookies = new Map<string, string>()
  readonly #app: FastifyInstance
  readonly #remoteAddress: string

  constructor(app: FastifyInstance, remoteAddress = '127.0.0.1') {
    this.#app = app
    this.#remoteAddress = remoteAddress
  }

  async #send(method: 'GET' | 'POST', url: string, payload?: string, headers = {}): Promise<LightMyRequestResponse> {
    const cookies = Object.fromEntries(this.cookies)
    const remoteAddress = this.#remoteAddress
    const body = payload !== undefined && { payload }
    const answer = await this.#app.inject({ method, url, cookies, headers, remoteAddress, ...body })
    for (const { name, value, maxAge, expires } of answer.cookies) {
      if (maxAge === 0 || (expires && expires.getTime() <= Date.now())) this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    return answer
  }

  /** What the session's cookie is called, which follows the issuer; undefined when there is none. */
  get sessionCookie(): string | undefined {
    return [...this.cookies.keys()].find(isSessionCookie)
  }

  /** The text of the session. */
  get session(): string | undefined {
    return this.cookies.get(this.sessionCookie ?? '')
  }

  get(url: string, headers = {}): Promise<LightMyRequestResponse> {
    return this.#send('GET', url, undefined, headers)
  }

  post(url: string, fields: Fields, headers = {}): Promise<LightMyRequestResponse> {
    const given = Object.entries(fields).filter(([, value]) => value !== undefined) as [string, string][]
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    return this.#send('POST', url, new URLSearchParams(given).toString(), { ...type, ...headers })
  }

  /** Sends the form of a page as it stands but for what is filled in; undefined leaves a field out, or unticks a box. */
  submit(page: LightMyRequestResponse, fields: Fields, action?: RegExp): Promise<LightMyRequestResponse> {
    const form = formOf(page.body, action)
    return this.post(form.action, { ...form.fields, ...fields })
  }

  async signIn({ email }: Pick<User, 'email'>, password = PASSWORD): Promise<LightMyRequestResponse> {
    return this.submit(await this.get('/login?next=/login'), { email: email ?? undefined, password }, /login$/)
  }

  /** A person who is asked lets the app in. @returns where the browser is sent */
  async approve(url: string): Promise<URL> {
    const page = await this.get(url)
    return locationOf(await this.submit(page, { decision: 'approve' }, /consent$/))
  }
}

export const isSessionCookie = (name: string) => /^(__Host-)?postern-[0-9a-f]{8}$/.test(name)

export const locationOf = (answer: LightMyRequestResponse) => new URL(String(answer.headers.location), 'http://here')

/** The form of a page whose action fits: where it goes, its hidden fields, and the boxes that are ticked. */
export function formOf(html: string, fits = /./): { action: string; fields: Record<string, string> } {
  for (const [, action = '', inside = ''] of html.matchAll(/<form[^>]* action="([^"]*)"[^>]*>(.*?)<\/form>/gs)) {
    if (!fits.test(action)) continue
    const sent = inside.matchAll(SENT)
    return {
      action: plain(action),
      fields: Object.fromEntries([...sent].map(([, n = '', v = '']) => [plain(n), plain(v)])),
    }
  }
  throw new Error(`no form in: ${html}`)
}

/** What a page says about a refused form: beside its fields, and above it. */
export function errorsOf(html: string): Record<string, string> {
  const beside = html.matchAll(/class="field-error" id="([\w-]+)-error">([^<]*)</g)
  const above = /role="alert"[^>]*>([^<]*)</.exec(html)?.[1]
  return {
    ...(above && { above: plain(above) }),
    ...Object.fromEntries([...beside].map(([, field, text = '']) => [field, plain(text)])),
  }
}

const SENT = /<input (?:type="hidden"|(?=[^>]* checked>)type="(?:checkbox|radio)") name="([^"]*)" value="([^"]*)"/g
const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }
const plain = (text: string) => text.replaceAll(/&(#?\w+);/g, (_, name) => ENTITIES[name] ?? '')

/** What an app makes up for each request (RFC 7636 §4). */
export function pkce(verifier = randomBytes(32).toString('base64url')) {
  return { verifier, challenge: hash('sha256', verifier, 'base64url') }
}

/** The URL that an app sends people to; undefined leaves a parameter out, a list sends it several times. */
export function authorizeUrl(
  client: { id: string; redirectUris: string[] },
  {
    challenge = pkce().challenge,
    ...params
  }: Record<string, string | string[] | undefined> & { challenge?: string } = {},
): string {
  const query = new URLSearchParams()
  const all = {
    client_id: client.id,
    redirect_uri: client.redirectUris[0],
    response_type: 'code',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...params,
  }
  for (const [name, value] of Object.entries(all)) for (const one of [value ?? []].flat()) query.append(name, one)
  return `/oauth/authorize?${query}`
}
