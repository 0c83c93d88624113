import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type {
  OAuthClientInformationMixed,
  OAuthClientMetadata,
  OAuthTokens,
} from '@modelcontextprotocol/sdk/shared/auth.js'
import { createAuthority } from './certificates.ts'

type Test = { teardown(work: () => unknown): void }

/** Where the person is sent back to: an app on the computer. Nothing listens there, since the code is read from the redirect. */
export const CALLBACK = 'http://127.0.0.1:33418/callback'

export interface ProviderOptions {
  /** The client, if it is registered already. */
  clientId?: string
  /** The https URL of its metadata document. */
  clientMetadataUrl?: string
  /** Whether it asks for refresh tokens and keeps them. */
  refreshes?: boolean
  /** Sends the person to the authorization endpoint. @returns the code */
  authorize(url: URL): Promise<string>
}

/** The interface of the SDK for applications, as an editor implements it: it keeps what it gets, and opens a browser. */
export class EditorProvider implements OAuthClientProvider {
  readonly redirectUrl = CALLBACK
  readonly clientMetadataUrl?: string
  /** Scopes of each authorization request. */
  readonly asked: (string | null)[] = []
  code = ''
  kept: OAuthTokens | undefined
  information: OAuthClientInformationMixed | undefined
  readonly #options: ProviderOptions
  #verifier = ''

  constructor(options: ProviderOptions) {
    this.#options = options
    if (options.clientId) this.information = { client_id: options.clientId }
    if (options.clientMetadataUrl) this.clientMetadataUrl = options.clientMetadataUrl
  }

  get clientMetadata(): OAuthClientMetadata {
    return {
      client_name: 'Editor',
      redirect_uris: [CALLBACK],
      grant_types: ['authorization_code', ...(this.#options.refreshes ? ['refresh_token'] : [])],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    }
  }

  clientInformation(): OAuthClientInformationMixed | undefined {
    return this.information
  }

  saveClientInformation(information: OAuthClientInformationMixed): void {
    this.information = information
  }

  tokens(): OAuthTokens | undefined {
    return this.kept
  }

  saveTokens(tokens: OAuthTokens): void {
    this.kept = tokens
  }

  async redirectToAuthorization(url: URL): Promise<void> {
    this.asked.push(url.searchParams.get('scope'))
    this.code = await this.#options.authorize(url)
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier
  }

  codeVerifier(): string {
    return this.#verifier
  }
}

/** The official client with this provider. It signs in when the server asks for it, as an application does. */
export class Editor {
  readonly provider: EditorProvider
  readonly #url: string
  #client: Client | undefined
  #transport: StreamableHTTPClientTransport | undefined

  constructor(t: Test, url: string, provider: EditorProvider) {
    this.#url = url
    this.provider = provider
    t.teardown(() => this.#client?.close())
  }

  /** Connects; if it has to, it lets the person sign in first. */
  async connect(): Promise<Client> {
    const begin = async () => {
      this.#transport = new StreamableHTTPClientTransport(new URL(this.#url), { authProvider: this.provider })
      this.#client = new Client({ name: 'editor', version: '1.0.0' })
      await this.#client.connect(this.#transport as never)
      return this.#client
    }
    return begin().catch(async error => {
      await this.finish(error)
      return begin()
    })
  }

  /** After the SDK has sent the person to the authorization endpoint: trades the code. @throws any other error */
  async finish(error: unknown): Promise<void> {
    if ((error as Error).constructor.name !== 'UnauthorizedError' || this.provider.code === '') throw error
    await this.#transport?.finishAuth(this.provider.code)
    this.provider.code = ''
  }

  async #callOnce(name: string): Promise<string> {
    const args = name === 'place_order' ? { arguments: { item: 'tea' } } : {}
    const result = await this.#client?.callTool({ name, ...args })
    return (result as { content: { text: string }[] }).content[0]?.text ?? ''
  }

  /** Calls a tool; if the server asks for more scopes, the person consents to them first (step-up). */
  call(name: string): Promise<string> {
    return this.#callOnce(name).catch(async error => {
      await this.finish(error)
      return this.#callOnce(name)
    })
  }
}

/** A host with the metadata document of the editor, at an https URL as the SDK requires it. */
export async function editorDocument(t: Test & { testdir(): string }, document: object = {}) {
  const authority = createAuthority(t)
  const server = createServer(authority.issue('localhost'), (_request, response) => {
    const { clientMetadata } = new EditorProvider({ authorize: async () => '' })
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ client_id: url, ...clientMetadata, ...document }))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close().closeAllConnections())
  const url = `https://localhost:${(server.address() as AddressInfo).port}/client.json`
  return { url, ca: authority.ca }
}
