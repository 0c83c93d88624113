import { invalidToken } from '../../packages/guard/src/errors.ts'
import type { Client } from '../clients/client.entity.ts'
import type { Clients } from '../clients/clients.ts'
import type { Database } from '../database/database.ts'
import { invalidRequest } from '../errors/protocol.ts'
import type { Peer } from '../http/forwarded.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { hashSecret, isSecret, newSecret } from '../security/secrets.ts'
import { sweep } from '../tokens/prune.ts'
import type { Throttle } from '../users/throttle.ts'
import { openSettings, type Registered, toSettings } from './registration-metadata.ts'
import type { RegistrationBody } from './registration-schemas.ts'

/** Clients that register and manage themselves (RFC 7591, RFC 7592). */
export interface Registration {
  /**
   * Authorizes a request before its body is validated.
   * @param id id of the client to manage; undefined for a registration
   * @param token undefined: the request has none
   * @throws 401 `invalid_token`
   */
  authorize(id: string | undefined, token: string | undefined): Promise<void>
  /**
   * @param initialToken undefined: an open registration
   * @throws 401 `invalid_token`; 422 that names the field; 429 for too many open registrations from one address
   */
  register(initialToken: string | undefined, body: RegistrationBody, peer: Peer): Promise<Registered>
  /** @throws 401 `invalid_token`, also for a revoked client */
  read(id: string, registrationToken: string): Promise<Registered>
  /** Replaces the whole registration: omitted properties get their default. @throws 400, 401, 422 */
  replace(id: string, registrationToken: string, body: RegistrationBody): Promise<Registered>
  remove(id: string, registrationToken: string): Promise<void>
}

export interface RegistrationOptions {
  clients: Clients
  catalogue: Catalogue
  db: Database
  throttle: Pick<Throttle, 'limitRegistrations'>
  /** Authorizes its holder to register clients that do not end. */
  initialAccessToken: string | undefined
  /** Whether anybody may register clients, which end after a day unless a user consents. */
  open: boolean
}

/** How long a client of an open registration lives without a consent, in milliseconds. */
const OPEN_MS = 86_400_000

export function createRegistration(options: RegistrationOptions): Registration {
  const { clients, catalogue, db, throttle, open } = options
  // Without one, no text has the hash of a random one.
  const initialHash = hashSecret(options.initialAccessToken ?? newSecret())
  const settingsOf = open ? openSettings : toSettings

  async function managed(id: string, token: string): Promise<Client> {
    const client = await clients.find(id).catch(error => {
      if (error.status !== 404) throw error
    })
    const known = client?.registrationHash ?? Buffer.alloc(initialHash.length)
    if (isSecret(token, known) && client && !client.revoked && !isOver(client)) return client
    throw invalidToken('The registration access token is not valid for this client, or the client has been revoked.')
  }

  function assertMayRegister(token: string): void {
    if (isSecret(token, initialHash)) return
    throw invalidToken('The initial access token is wrong. Ask the operator of this server for it.')
  }

  return {
    async authorize(id, token) {
      if (id !== undefined) await managed(id, token ?? '')
      else if (token !== undefined || !open) assertMayRegister(token ?? '')
    },

    async register(initialToken, body, peer) {
      if (initialToken !== undefined) assertMayRegister(initialToken)
      const registrationToken = newSecret()
      const registrationHash = hashSecret(registrationToken)
      if (initialToken !== undefined) {
        const settings = toSettings(catalogue, body)
        return { ...(await clients.create({ ...settings, registrationHash })), registrationToken }
      }
      const settings = openSettings(catalogue, body)
      const rateLimit = await throttle.limitRegistrations(peer)
      await sweep(db, 'oauth_clients')
      const expiresAt = new Date(Date.now() + OPEN_MS)
      return { ...(await clients.create({ ...settings, registrationHash, expiresAt })), registrationToken, rateLimit }
    },

    async read(id, registrationToken) {
      return { client: await managed(id, registrationToken), secret: undefined, registrationToken }
    },

    async replace(id, registrationToken, body) {
      assertMatches(await managed(id, registrationToken), body)
      return { ...(await clients.update(id, settingsOf(catalogue, body))), registrationToken }
    },

    async remove(id, registrationToken) {
      await managed(id, registrationToken)
      await clients.revoke(id)
    },
  }
}

const isOver = ({ expiresAt }: Client) => expiresAt !== null && expiresAt.getTime() <= Date.now()

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
    throw invalidRequest('client_secret is not the secret of this client. Send the current one, or omit client_secret.')
  }
}
