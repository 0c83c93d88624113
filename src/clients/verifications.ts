import { hash } from 'node:crypto'
import { LockMode } from '@mikro-orm/postgresql'
import { writeAudit } from '../audit/audit.ts'
import type { Database } from '../database/database.ts'
import { conflict, invalid } from '../errors/errors.ts'
import type { DocumentFetcher } from '../fetch/documents.ts'
import { FetchError } from '../fetch/error.ts'
import { Client } from './client.entity.ts'
import type { Clients } from './clients.ts'
import { type PngSize, pngSize } from './png.ts'
import { ClientVerification } from './verification.entity.ts'
import { printOf } from './verification-print.ts'

export type Logo = PngSize & { content: Buffer }

/** Names what somebody looked at. */
export interface Looked {
  /** Of the client, by `printOf`. */
  print: string
  /** SHA-256 of its logo, in hex; null: it has none. */
  logoHash: string | null
}

export interface Verification extends Looked {
  verifiedAt: Date
  /** The logo that was verified, as it is now stored here; undefined: it has none. */
  logo: Logo | undefined
}

/** What would be verified. */
export interface Preview extends Looked {
  client: Client
  logo: Logo | undefined
}

/**
 * Which clients are what their names and logos say, by the word of an administrator. A verification ends for good when the
 * client changes its name, its logo, its redirect URIs, its owner, its grant types or how it authenticates.
 */
export interface Verifications {
  /** @returns undefined for a client that was not verified, or has changed since */
  find(client: Client): Promise<Verification | undefined>
  /** The client as it is now, with its logo from its host. @throws 404; 409 if it is revoked; 422 for an unusable logo */
  preview(id: string): Promise<Preview>
  /**
   * Stores a copy of its logo, so that what people see stays what was verified.
   * @param looked from the preview that an administrator looked at
   * @throws 404; 409 if it is revoked, or the client or its logo is another one by now; 422
   */
  verify(id: string, looked: Looked): Promise<Verification>
  /** Idempotent. @throws 404 */
  withdraw(id: string): Promise<void>
}

export interface VerificationsOptions {
  db: Database
  clients: Pick<Clients, 'find'>
  documents: Pick<DocumentFetcher, 'getFile'>
}

const STORE = `
  insert into oauth_client_verifications (client_id, print, logo, verified_at) values (?, ?, ?, ?)
  on conflict (client_id) do update
  set print = excluded.print, logo = excluded.logo, verified_at = excluded.verified_at`
/** Pages cost at most 30 kB, with everything on them. */
const MAX_LOGO_BYTES = 10_240
const MAX_LOGO_PIXELS = 1_024

export function createVerifications({ db, clients, documents }: VerificationsOptions): Verifications {
  async function fetchLogo({ metadata }: Client): Promise<Buffer | null> {
    const url = metadata?.logo_uri
    if (typeof url !== 'string') return null
    try {
      const logo = await documents.getFile(url, { accept: ['image/png'], maxBytes: MAX_LOGO_BYTES })
      assertLogo(logo)
      return logo
    } catch (error) {
      if (!(error instanceof FetchError)) throw error
      throw invalid({ path: 'logo_uri', message: `cannot be fetched: ${error.message}` })
    }
  }

  async function findLive(id: string): Promise<Client> {
    const client = await clients.find(id)
    if (client.revoked) throw conflict('The client has been revoked.')
    return client
  }

  return {
    async find(client) {
      const found = await db.run(em => em.findOne(ClientVerification, { client: client.id }))
      if (!found) return undefined
      if (found.print === printOf(client)) return toVerification(found)
      // Nothing else notices that a metadata document has changed.
      const { print } = found
      if (client.metadataUrl) await db.run(em => em.nativeDelete(ClientVerification, { client: client.id, print }))
      return undefined
    },

    async preview(id) {
      const client = await findLive(id)
      const logo = await fetchLogo(client)
      return { client, print: printOf(client), logo: toLogo(logo), logoHash: hashOf(logo) }
    },

    async verify(id, looked) {
      const client = await findLive(id)
      if (printOf(client) !== looked.print) throw changed()
      const row = { print: looked.print, logo: await fetchLogo(client), verifiedAt: new Date() }
      if (hashOf(row.logo) !== looked.logoHash) throw changed()
      await db.transaction(async em => {
        const locked = await em.findOne(Client, { id: client.id }, { lockMode: LockMode.PESSIMISTIC_WRITE })
        if (!locked || locked.revoked || printOf(locked) !== looked.print) throw changed()
        await em.execute(STORE, [client.id, row.print, row.logo, row.verifiedAt])
        const details = { name: client.name, logo: row.logo !== null }
        writeAudit(em, { kind: 'client.verified', clientId: client.id, userId: client.user, details })
      })
      return toVerification(row)
    },

    async withdraw(id) {
      const client = await clients.find(id)
      await db.transaction(async em => {
        if ((await em.nativeDelete(ClientVerification, { client: client.id })) === 0) return
        const details = { name: client.name }
        writeAudit(em, { kind: 'client.unverified', clientId: client.id, userId: client.user, details })
      })
    },
  }
}

const changed = () => conflict('The client or its logo has changed since you looked at it. Look at it again.')

type Row = Pick<ClientVerification, 'print' | 'verifiedAt' | 'logo'>
const toVerification = ({ print, verifiedAt, logo }: Row): Verification => ({
  print,
  verifiedAt,
  logo: toLogo(logo),
  logoHash: hashOf(logo),
})

const hashOf = (logo: Uint8Array | null) => logo && hash('sha256', logo)

function toLogo(logo: Uint8Array | null): Logo | undefined {
  const content = logo && Buffer.from(logo)
  const size = content && pngSize(content)
  return content && size ? { content, ...size } : undefined
}

/** @throws 422 */
function assertLogo(content: Buffer): void {
  const size = pngSize(content)
  if (size && Math.max(size.width, size.height) <= MAX_LOGO_PIXELS) return
  throw invalid({
    path: 'logo_uri',
    message: `must be a PNG of at most ${MAX_LOGO_PIXELS} by ${MAX_LOGO_PIXELS} pixels`,
  })
}
