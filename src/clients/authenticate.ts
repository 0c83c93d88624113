import { createLocalJWKSet, decodeJwt, type JWTPayload, jwtVerify } from 'jose'
import { createCache } from '../cluster/cache.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { PosternError } from '../errors/errors.ts'
import { invalidClient, invalidRequest, withChallenge } from '../errors/protocol.ts'
import { hashSecret, isSecret } from '../security/secrets.ts'
import { isUuid } from '../text/uuid.ts'
import { Client, type ClientSecret } from './client.entity.ts'
import { createFailures } from './failures.ts'
import { ASSERTION_ALGORITHMS } from './jwks.ts'
import { isUnused } from './secrets.ts'

/** What a request shows of its client. */
export interface Credentials {
  authorization?: string | undefined
  params: Readonly<Record<string, string | undefined>>
}

export interface ClientAuthentication {
  /**
   * The client that a request comes from, proved as it registered to (RFC 6749 §2.3, RFC 7523 §2.2).
   * @throws 400 `invalid_request` for two ways at once, 401 `invalid_client` for everything else
   */
  authenticate(credentials: Credentials): Promise<Client>
  /** A live client by id, from memory when it is there; undefined when it is unknown or revoked, or its owner disabled. */
  find(id: string): Client | undefined | Promise<Client | undefined>
}

export interface ClientAuthenticationOptions {
  db: Database
  bus: InvalidationBus
  /** What the `aud` of an assertion has to be. */
  issuer: string
}

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
/** An assertion that lives longer is no proof that its client is there now. */
const MAX_ASSERTION_SECONDS = 600
/** How far the clock of a client may be off. */
const CLOCK_SKEW_SECONDS = 10
/** Compared against for a client that does not exist, so that its absence takes as long to find out. */
const NO_SECRET = { hash: '0'.repeat(64), created_at: '', expires_at: null }

type ClientProof =
  | { method: 'secret'; id: string; secret: string }
  | { method: 'assertion'; id: string; assertion: string }
  | { method: 'none'; id: string }

export function createClientAuthentication({ db, bus, issuer }: ClientAuthenticationOptions): ClientAuthentication {
  const cache = createCache<Client>({
    bus,
    load: async id => (await db.run(em => em.findOne(Client, { id }))) ?? undefined,
    invalidates: (change, id) => change.kind === 'client' && change.id === id,
  })

  const owners = createCache<Owner>({
    bus,
    load: async id =>
      (await db.query<Owner>('select disabled_at is not null as disabled from users where id = ?', [id]))[0],
    invalidates: (change, id) => change.kind === 'user' && change.id === id,
  })

  function find(id: string): Client | undefined | Promise<Client | undefined> {
    // The database takes an id in either case; memory has to hold it under one.
    const client = isUuid(id) ? cache(id.toLowerCase()) : undefined
    return client instanceof Promise ? client.then(live) : live(client)
  }

  /** Nobody answers for a client whose owner is disabled. */
  function live(client: Client | undefined): Client | undefined | Promise<Client | undefined> {
    if (!client || client.revoked || client.personalAccess) return undefined
    if (client.user === null) return client
    const owner = owners(client.user)
    return owner instanceof Promise ? owner.then(found => ofOwner(client, found)) : ofOwner(client, owner)
  }

  const noteFailure = createFailures(db)

  /** Beside the answer, which takes as long for a client that does not exist. */
  function failed(credentials: Credentials, error: unknown): void {
    if (!(error instanceof PosternError) || error.status !== 401) return
    const id = namedClient(credentials)
    if (id === undefined || !isUuid(id)) return
    void Promise.resolve(cache(id.toLowerCase()))
      .then(client => client && noteFailure(client.id))
      .catch(() => {})
  }

  async function verifyProof(credentials: Credentials): Promise<Client> {
    const proof = proofOf(credentials)
    const found = find(proof.id)
    const client = found instanceof Promise ? await found : found
    if (proof.method === 'secret') await noteFirstUse(client, checkSecret(client, proof.secret))
    else if (proof.method === 'assertion') await checkAssertion(client, proof.assertion)
    else if (client?.authMethod !== 'none') throw invalidClient()
    if (!client) throw invalidClient()
    return client
  }

  return {
    find,
    async authenticate(credentials) {
      try {
        return await verifyProof(credentials)
      } catch (error) {
        failed(credentials, error)
        throw error instanceof PosternError ? withChallenge(error, credentials.authorization) : error
      }
    },
  }

  /** Written once in the life of a secret, before it proves anything: a rotation that is retried must know it is in use. */
  async function noteFirstUse(client: Client | undefined, secret: ClientSecret): Promise<void> {
    if (!client || secret !== client.secrets[0] || !isUnused(client.secrets)) return
    const at = new Date().toISOString()
    await db.query(
      `update oauth_clients set secrets = jsonb_set(secrets, '{0,used_at}', ?::jsonb)
       where id = ? and secrets->0->>'hash' = ? returning id`,
      [JSON.stringify(at), client.id, secret.hash],
    )
    secret.used_at = at
  }

  async function checkAssertion(client: Client | undefined, assertion: string): Promise<void> {
    if (client?.authMethod !== 'private_key_jwt' || !client.jwks) throw invalidClient()
    const { payload, protectedHeader } = await jwtVerify(assertion, createLocalJWKSet(client.jwks), {
      issuer: client.id,
      subject: client.id,
      audience: issuer,
      algorithms: ASSERTION_ALGORITHMS,
      requiredClaims: ['exp', 'jti'],
      clockTolerance: CLOCK_SKEW_SECONDS,
    }).catch(error => {
      throw invalidClient('The client assertion does not hold.', error)
    })
    assertStrict(payload, protectedHeader.typ)
    const { exp, jti } = payload as { exp: number; jti: string }
    await useOnce(client.id, jti, new Date((exp + CLOCK_SKEW_SECONDS) * 1000))
  }

  async function useOnce(client: string, jti: string, expiresAt: Date): Promise<void> {
    const first = await db.query(
      `insert into oauth_used_assertions (client_id, hash, expires_at) values (?, ?, ?)
       on conflict do nothing returning client_id`,
      [client, hashSecret(jti), expiresAt],
    )
    if (first.length === 0) throw invalidClient('The client assertion was used before.')
  }
}

interface Owner {
  disabled: boolean
}

const ofOwner = (client: Client, owner: Owner | undefined) => (owner && !owner.disabled ? client : undefined)

const TYPES: readonly unknown[] = [
  undefined,
  'jwt',
  'client-authentication+jwt',
  'application/client-authentication+jwt',
]

/**
 * What a JWT library leaves open (draft-ietf-oauth-rfc7523bis §4): `aud` is the issuer alone, as one text, so that no
 * other server that it names can use it here; `typ` is that of an assertion, or says nothing; `iat` is now.
 * @throws 401 `invalid_client`
 */
function assertStrict({ aud, exp = 0, iat, jti }: JWTPayload, typ: string | undefined): void {
  const now = Date.now() / 1000
  if (typeof aud !== 'string') throw invalidClient('The aud of a client assertion is the issuer alone, as one text.')
  if (!TYPES.includes(typ?.toLowerCase())) throw invalidClient('The typ of a client assertion is another one.')
  if (typeof jti !== 'string' || jti === '') throw invalidClient('The jti of a client assertion is a text.')
  if (exp > now + MAX_ASSERTION_SECONDS) throw invalidClient('The client assertion lives too long.')
  if (iat === undefined) return
  if (iat > now + CLOCK_SKEW_SECONDS) throw invalidClient('The client assertion is from the future.')
  if (iat < now - MAX_ASSERTION_SECONDS - CLOCK_SKEW_SECONDS) throw invalidClient('The client assertion is too old.')
}

/** Whether a request says nothing at all of a client. */
export function lacksClient({ authorization, params }: Credentials): boolean {
  const { client_id: id, client_secret: secret, client_assertion: assertion, client_assertion_type: type } = params
  return [authorization, id, secret, assertion, type].every(sign => sign === undefined)
}

/** The id that a request claims, whatever it proves. */
function namedClient(credentials: Credentials): string | undefined {
  try {
    return proofOf(credentials).id
  } catch {
    return undefined
  }
}

function proofOf({ authorization, params }: Credentials): ClientProof {
  const { client_id: id, client_secret: secret, client_assertion: assertion, client_assertion_type: type } = params
  const basic = fromBasic(authorization)
  const methods = [basic, secret, assertion ?? type].filter(way => way !== undefined)
  if (methods.length > 1) throw invalidRequest('The client authenticates in more than one way.')
  if (basic) {
    if (id !== undefined && id !== basic.id) throw invalidRequest('client_id differs from the Authorization header.')
    return { method: 'secret', ...basic }
  }
  if (assertion !== undefined || type !== undefined) return fromAssertion(id, assertion, type)
  if (id === undefined) throw invalidClient('The request names no client.')
  return secret === undefined ? { method: 'none', id } : { method: 'secret', id, secret }
}

/** Both halves are form-encoded before they are joined (RFC 6749 §2.3.1). */
function fromBasic(header: string | undefined): { id: string; secret: string } | undefined {
  if (!header || !/^basic /i.test(header)) return undefined
  const text = Buffer.from(header.slice(6).trim(), 'base64').toString('utf8')
  const at = text.indexOf(':')
  try {
    if (at > 0) return { id: formDecode(text.slice(0, at)), secret: formDecode(text.slice(at + 1)) }
  } catch {
    // Not form-encoded: falls through to the refusal.
  }
  throw invalidClient('The Authorization header is malformed.')
}

/** What a server gave out has nothing to decode. */
const formDecode = (text: string) => (/[%+]/.test(text) ? decodeURIComponent(text.replaceAll('+', ' ')) : text)

function fromAssertion(id: string | undefined, assertion: string | undefined, type: string | undefined): ClientProof {
  if (type !== ASSERTION_TYPE || assertion === undefined) {
    throw invalidRequest(`client_assertion needs client_assertion_type=${ASSERTION_TYPE}.`)
  }
  const subject = subjectOf(assertion)
  if (id !== undefined && id !== subject) throw invalidClient('client_id differs from the client assertion.')
  return { method: 'assertion', id: subject, assertion }
}

function subjectOf(assertion: string): string {
  try {
    return String(decodeJwt(assertion).sub)
  } catch (error) {
    throw invalidClient('The client assertion is malformed.', error)
  }
}

/** Two secrets may live while one replaces the other; each is compared in constant time. */
function checkSecret(client: Client | undefined, secret: string): ClientSecret {
  const secrets = client?.secrets.length ? client.secrets : [NO_SECRET]
  const matches = secrets.filter(s => isSecret(secret, Buffer.from(s.hash, 'hex')) && isLive(s.expires_at))
  const [match] = matches
  if (!match || !client) throw invalidClient()
  return match
}

const isLive = (expiresAt: string | null) => expiresAt === null || Date.parse(expiresAt) > Date.now()
