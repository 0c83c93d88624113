import type { JSONWebKeySet } from 'jose'
import { invalidClient } from '../errors/protocol.ts'
import type { DocumentFetcher, FetchedDocument, GetOptions } from '../fetch/documents.ts'
import type { Client } from './client.entity.ts'
import { toClientError } from './document-errors.ts'
import { validateJwks } from './jwks.ts'
import type { LimitNewDocuments } from './limit-new-documents.ts'
import { isStored } from './metadata-clients.ts'

/**
 * The public keys of a client that signs assertions: those of its row or document, or fetched from its `jwks_uri`.
 * @param latest whether to fetch them again if they are older than a minute
 * @throws 401 `invalid_client` if it has none, or they cannot be fetched; 429 for too many documents of clients without a row
 * from one address; 503 while the server fetches too many
 */
export type ClientKeys = (client: Client, latest: boolean) => Promise<JSONWebKeySet>

const ACCEPTED = ['application/json', 'application/jwk-set+json']
/** Ten RSA keys of 4,096 bits, with certificates nobody needs. */
const MAX_BYTES = 32_768
const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

export function createClientKeys(documents: DocumentFetcher, limitNewDocuments: LimitNewDocuments): ClientKeys {
  const validated = new WeakMap<FetchedDocument, JSONWebKeySet>()

  async function fetchKeys(url: string, options: GetOptions): Promise<JSONWebKeySet> {
    const document = await documents.get(url, {
      accept: ACCEPTED,
      maxBytes: MAX_BYTES,
      staleIfErrorMs: DAY_MS,
      ...options,
    })
    const known = validated.get(document)
    if (known) return known
    const keys = validateJwks(Object(document.json))
    validated.set(document, keys)
    return keys
  }

  return async (client, latest) => {
    if (client.jwks) return client.jwks
    if (client.jwksUri === null) throw invalidClient()
    try {
      return await fetchKeys(client.jwksUri, {
        ...(latest && { maxAgeMs: MINUTE_MS }),
        ...(!isStored(client) && { beforeFetch: limitNewDocuments }),
      })
    } catch (error) {
      throw toClientError(error, 'The key set of the client')
    }
  }
}
