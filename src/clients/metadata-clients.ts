import type { Cached } from '../cluster/cache.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import { invalidClient } from '../errors/protocol.ts'
import type { DocumentFetcher, FetchedDocument } from '../fetch/documents.ts'
import { parseDocumentUrl } from '../fetch/url.ts'
import type { BlockedHosts } from './blocked-hosts.ts'
import { Client } from './client.entity.ts'
import { clientDefaults } from './defaults.ts'
import { isUnusable, toClientError } from './document-errors.ts'
import type { LimitNewDocuments } from './limit-new-documents.ts'
import { type DescribedClient, readMetadataDocument } from './metadata-document.ts'
import { metadataClientId } from './metadata-id.ts'

/**
 * What a client is looked up for. While its metadata document cannot be had, a client that users consented to may authenticate for
 * a day, to refresh its tokens; nothing new is authorized.
 */
export type Purpose = 'authorization' | 'authentication'

/** Clients whose `client_id` is the URL of a metadata document (draft-ietf-oauth-client-id-metadata-document). */
export interface MetadataClients {
  /**
   * The client as its document describes it now. It has a row from the first consent on; before that nothing is stored.
   * @returns undefined if such clients, its host or the client itself are not accepted
   * @throws 401 `invalid_client` if the document cannot be used; 429 for too many new documents from one address; 503
   */
  find(url: string, purpose: Purpose): Promise<Client | undefined>
}

export interface MetadataClientsOptions {
  bus: InvalidationBus
  documents: DocumentFetcher
  limitNewDocuments: LimitNewDocuments
  blockedHosts: Pick<BlockedHosts, 'has'>
  config: Pick<Config, 'cimd' | 'cimdTrusted' | 'fetchLoopback'>
  /** Reads the row of a client, from the cache. */
  readRow: Cached<Client>
}

/** As the draft suggests (§6.6). */
const MAX_DOCUMENT_BYTES = 5_120
/** For how long a client without its document may authenticate. */
const GRACE_MS = 86_400_000

/** The subject of its errors. */
const DOCUMENT = 'The metadata document of the client'

const unstored = new WeakSet<Client>()

/** Whether a client has a row. One with a metadata document has none before a user consents to it. */
export const isStored = (client: Client): boolean => !unstored.has(client)

export function createMetadataClients(options: MetadataClientsOptions): MetadataClients {
  const { bus, documents, limitNewDocuments, blockedHosts, config, readRow } = options
  const merged = new WeakMap<FetchedDocument, { row: Client | undefined; client: Client }>()

  function isAccepted(host: string): boolean {
    return config.cimd === 'on' || (config.cimd === 'trusted' && config.cimdTrusted.includes(host))
  }

  async function describe(url: string, row: Client | undefined): Promise<Client> {
    const document = await documents.get(url, {
      maxBytes: MAX_DOCUMENT_BYTES,
      ...(row === undefined && { beforeFetch: limitNewDocuments }),
    })
    const known = merged.get(document)
    if (known && known.row === row) return known.client
    const client = merge(url, row, readMetadataDocument(url, document.json))
    merged.set(document, { row, client })
    return client
  }

  /** All nodes count from the first failure. */
  async function isWithinGrace({ id, metadataFailedAt }: Client): Promise<boolean> {
    if (metadataFailedAt !== null) return metadataFailedAt.getTime() + GRACE_MS > Date.now()
    await setFailedAt(id, new Date())
    return true
  }

  async function setFailedAt(id: string, failedAt: Date | null): Promise<void> {
    await bus.transaction(async (em, publish) => {
      const where = { id, metadataFailedAt: failedAt ? null : { $ne: null } }
      if ((await em.nativeUpdate(Client, where, { metadataFailedAt: failedAt })) > 0)
        publish({ kind: 'client', id }, 'nothing')
    })
  }

  return {
    async find(url, purpose) {
      const host = readUrl(url, config.fetchLoopback)
      if (!isAccepted(host) || (await blockedHosts.has(host))) return undefined
      const row = await readRow(metadataClientId(url))
      // A row that something else made under this id says nothing about this client.
      if (row && (row.revoked || row.metadataUrl !== url)) return undefined
      try {
        const client = await describe(url, row)
        if (row?.metadataFailedAt) await setFailedAt(row.id, null)
        return client
      } catch (error) {
        if (row && purpose === 'authentication' && isUnusable(error) && (await isWithinGrace(row))) return row
        throw toClientError(error, DOCUMENT)
      }
    },
  }
}

/** @returns the host as blocked and trusted hosts are written: an IPv6 address in brackets. @throws 401 `invalid_client` */
function readUrl(url: string, allowLoopback: boolean): string {
  try {
    const parsed = parseDocumentUrl(url, { allowLoopback })
    if (parsed.pathname !== '/') return parsed.hostname
  } catch (error) {
    throw toClientError(error, DOCUMENT)
  }
  throw invalidClient('A client_id that is a URL must have a path.')
}

/** The document decides what it describes, the row what an operator set. */
function merge(url: string, row: Client | undefined, described: DescribedClient): Client {
  const now = new Date()
  const base = row ?? {
    ...clientDefaults(),
    id: metadataClientId(url),
    metadataUrl: url,
    createdAt: now,
    updatedAt: now,
  }
  const client: Client = Object.assign(Object.create(Client.prototype), base, described)
  if (!row) unstored.add(client)
  return client
}
