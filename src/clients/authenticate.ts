import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { PosternError } from '../errors/errors.ts'
import { invalidClient, withChallenge } from '../errors/protocol.ts'
import { isSecret } from '../security/secrets.ts'
import type { ActiveClients } from './active-clients.ts'
import type { VerifyAssertion } from './assertion.ts'
import type { Client, ClientSecret } from './client.entity.ts'
import { type Credentials, claimedClientId, parseClientProof } from './credentials.ts'
import { createFailures } from './failures.ts'
import { createMatchImportedSecret } from './imported-secrets.ts'
import type { Purpose } from './metadata-clients.ts'
import { isLive, isUnused } from './secrets.ts'

export interface ClientAuthentication extends Pick<ActiveClients, 'find'> {
  /**
   * Authenticates the client of a request by the method that it registered (RFC 6749 §2.3, RFC 7523 §2.2).
   * @param purpose default: `authentication`
   * @throws 400 `invalid_request` for two methods at once, 401 `invalid_client` for everything else; 429 and 503 for a client
   *   whose metadata document was not fetched
   */
  authenticate(credentials: Credentials, purpose?: Purpose): Promise<Client>
}

export interface ClientAuthenticationOptions {
  db: Database
  bus: InvalidationBus
  activeClients: ActiveClients
  verifyAssertion: VerifyAssertion
}

/** Compared for a client that does not exist, so that the response takes as long. */
const NO_SECRET = { hash: '0'.repeat(64), created_at: '', expires_at: null }

export function createClientAuthentication(options: ClientAuthenticationOptions): ClientAuthentication {
  const { db, bus, activeClients, verifyAssertion } = options
  const { find, findAny } = activeClients
  const noteFailure = createFailures(db)
  const matchImportedSecret = createMatchImportedSecret(bus)

  async function checkSecret(client: Client | undefined, text: string): Promise<ClientSecret> {
    const match = matchSecret(client, text) ?? (client && (await matchImportedSecret(client, text)))
    if (!match || !client) throw invalidClient()
    return match
  }

  /** Runs in the background, so that the response takes as long for a client that does not exist. */
  function noteIfRejected(credentials: Credentials, error: unknown): void {
    if (!(error instanceof PosternError) || error.status !== 401) return
    const id = claimedClientId(credentials)
    if (id === undefined) return
    void Promise.resolve(findAny(id))
      .then(client => client && noteFailure(client.id))
      .catch(() => {})
  }

  async function verify(credentials: Credentials, purpose: Purpose): Promise<Client> {
    const proof = parseClientProof(credentials)
    const found = find(proof.id, purpose)
    const client = found instanceof Promise ? await found : found
    if (proof.method === 'secret') await noteFirstUse(db, client, await checkSecret(client, proof.secret))
    else if (proof.method === 'assertion') await verifyAssertion(client, proof.assertion)
    else if (client?.authMethod !== 'none') throw invalidClient()
    if (!client) throw invalidClient()
    return client
  }

  return {
    find,
    async authenticate(credentials, purpose = 'authentication') {
      try {
        return await verify(credentials, purpose)
      } catch (error) {
        noteIfRejected(credentials, error)
        throw error instanceof PosternError ? withChallenge(error, credentials.authorization) : error
      }
    },
  }
}

/** Stored once for each secret, before it authenticates anything: a retried rotation must know that it is in use. */
async function noteFirstUse(db: Database, client: Client | undefined, secret: ClientSecret): Promise<void> {
  if (!client || secret !== client.secrets[0] || !isUnused(client.secrets)) return
  const at = new Date().toISOString()
  await db.query(
    `update oauth_clients set secrets = jsonb_set(secrets, '{0,used_at}', ?::jsonb)
     where id = ? and secrets->0->>'hash' = ? returning id`,
    [JSON.stringify(at), client.id, secret.hash],
  )
  secret.used_at = at
}

/** Two secrets are valid while one replaces the other. Each is compared in constant time. */
function matchSecret(client: Client | undefined, secret: string): ClientSecret | undefined {
  const secrets = client?.secrets.length ? client.secrets : [NO_SECRET]
  const matches = secrets.filter(s => isSecret(secret, Buffer.from(s.hash, 'hex')) && isLive(s))
  return client && matches[0]
}
