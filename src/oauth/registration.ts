import { invalidToken } from '../../packages/guard/src/errors.ts'
import type { Client } from '../clients/client.entity.ts'
import type { Clients } from '../clients/clients.ts'
import { invalidRequest } from '../errors/protocol.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { hashSecret, isSecret, newSecret } from '../security/secrets.ts'
import { type Registered, toSettings } from './registration-metadata.ts'
import type { RegistrationBody } from './registration-schemas.ts'

/** Clients that register and manage themselves (RFC 7591, RFC 7592). */
export interface Registration {
  /**
   * Authorizes a request before its body is validated.
   * @param id id of the client to manage; undefined for a registration
   * @throws 401 `invalid_token`
   */
  authorize(id: string | undefined, token: string): Promise<void>
  /** @throws 401 `invalid_token`; 422 that names the field */
  register(initialToken: string, body: RegistrationBody): Promise<Registered>
  /** @throws 401 `invalid_token`, also for a revoked client */
  read(id: string, registrationToken: string): Promise<Registered>
  /** Replaces the whole registration: omitted properties get their default. @throws 400, 401, 422 */
  replace(id: string, registrationToken: string, body: RegistrationBody): Promise<Registered>
  remove(id: string, registrationToken: string): Promise<void>
}

export interface RegistrationOptions {
  clients: Clients
  catalogue: Catalogue
  /** Authorizes its holder to register clients. */
  initialAccessToken: string
}

export function createRegistration({ clients, catalogue, initialAccessToken }: RegistrationOptions): Registration {
  const initialHash = hashSecret(initialAccessToken)

  async function managed(id: string, token: string): Promise<Client> {
    const client = await clients.find(id).catch(error => {
      if (error.status !== 404) throw error
    })
    const known = client?.registrationHash ?? Buffer.alloc(initialHash.length)
    if (isSecret(token, known) && client && !client.revoked) return client
    throw invalidToken('The registration access token is not valid for this client, or the client has been revoked.')
  }

  function assertMayRegister(token: string): void {
    if (isSecret(token, initialHash)) return
    throw invalidToken('The initial access token is wrong. Ask the operator of this server for it.')
  }

  return {
    async authorize(id, token) {
      if (id === undefined) assertMayRegister(token)
      else await managed(id, token)
    },

    async register(initialToken, body) {
      assertMayRegister(initialToken)
      const registrationToken = newSecret()
      const registrationHash = hashSecret(registrationToken)
      return { ...(await clients.create({ ...toSettings(catalogue, body), registrationHash })), registrationToken }
    },

    async read(id, registrationToken) {
      return { client: await managed(id, registrationToken), secret: undefined, registrationToken }
    },

    async replace(id, registrationToken, body) {
      assertMatches(await managed(id, registrationToken), body)
      return { ...(await clients.update(id, toSettings(catalogue, body))), registrationToken }
    },

    async remove(id, registrationToken) {
      await managed(id, registrationToken)
      await clients.revoke(id)
    },
  }
}

/** Properties that only the server sets (RFC 7592 §2.2). */
const ISSUER_METADATA = [
  'registration_access_token',
  'registration_client_uri',
  'client_secret_expires_at',
  'client_id_issued_at',
]

function assertMatches({ id, secrets }: Client, body: RegistrationBody & Record<string, unknown>): void {
  const issuerProperty = ISSUER_METADATA.find(name => body[name] !== undefined)
  if (issuerProperty) throw invalidRequest(`Omit ${issuerProperty}: only the server sets it.`)
  if (body.client_id !== id) throw invalidRequest('client_id must be that of the client.')
  const given = body.client_secret
  if (given !== undefined && !secrets.some(secret => isSecret(given, Buffer.from(secret.hash, 'hex')))) {
    throw invalidRequest('client_secret is wrong. It is not required here.')
  }
}
