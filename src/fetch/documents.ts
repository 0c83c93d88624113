import QuickLRU from 'quick-lru'
import { FetchError } from './error.ts'
import { freshSeconds } from './freshness.ts'
import { type DocumentResponse, requestDocument } from './request.ts'
import { createResolve, type ResolveOptions } from './resolve.ts'
import { createSlots } from './slots.ts'
import { hostOf, parseDocumentUrl } from './url.ts'

/** A JSON document of somebody else, such as the metadata of a client. */
export interface FetchedDocument {
  json: unknown
  /** When the host last confirmed it, in milliseconds since the epoch. */
  fetchedAt: number
  /** Until when it is returned without asking the host again, in milliseconds since the epoch. */
  freshUntil: number
}

export interface GetOptions {
  /** Accepted media types without parameters. Default: `application/json`. */
  accept?: readonly string[]
  /** Default: 5,120, as for the metadata of a client. */
  maxBytes?: number
  /** Fetches a document that is older, although it is fresh, in milliseconds. */
  maxAgeMs?: number
  /** For how long a document that was fetched is returned although its host fails, in milliseconds. Default: not at all. */
  staleIfErrorMs?: number
  /**
   * Called before a request: not for a document that is fresh, or being fetched for somebody else. What it throws refuses the
   * fetch, so that it can limit how many fetches one address causes.
   */
  beforeFetch?: () => Promise<void>
}

/** Fetches documents from hosts that nobody has vetted. Time, size, number and destinations of its requests are bounded. */
export interface DocumentFetcher {
  /**
   * A document, from the cache while it is fresh, else from its host. Failures are cached for a minute.
   * @throws FetchError
   * @example const { json } = await documents.get('https://app.example.com/client.json', { maxBytes: 5_120 })
   */
  get(url: string, options?: GetOptions): Promise<FetchedDocument>
  /** A file that is no JSON, from its host at each call. @throws FetchError */
  getFile(url: string, options: Required<Pick<GetOptions, 'accept' | 'maxBytes'>>): Promise<Buffer>
}

export interface DocumentFetcherOptions extends ResolveOptions {
  /** Certificates of trusted authorities in PEM. Default: those of Node, which `NODE_EXTRA_CA_CERTS` extends. */
  ca?: string | undefined
  /** Time for the whole fetch, from the look-up of the host to the last byte, in milliseconds. Default: 5,000. */
  timeoutMs?: number | undefined
}

const JSON_TYPES = ['application/json']
const MAX_BYTES = 5_120
const TIMEOUT_MS = 5_000
const FAILURE_MS = 60_000
/** Documents are of at most some kilobytes, failures of some bytes. quick-lru keeps up to twice as many. */
const CACHED_DOCUMENTS = 1_000
const CACHED_FAILURES = 2_000

interface CachedDocument extends FetchedDocument {
  etag: string | undefined
}

/** A fetch of one URL with the options that decide its result. */
interface Target extends Required<Pick<GetOptions, 'accept' | 'maxBytes'>> {
  url: URL
  key: string
}

/**
 * @example
 * const documents = createDocumentFetcher({ allowLoopback: config.fetchLoopback, allowedNetworks: config.fetchNetworks })
 */
export function createDocumentFetcher(options: DocumentFetcherOptions = {}): DocumentFetcher {
  const { allowLoopback = false } = options
  const request = createRequest(options)
  const documents = new QuickLRU<string, CachedDocument>({ maxSize: CACHED_DOCUMENTS })
  const failures = new QuickLRU<string, Pick<FetchError, 'reason' | 'message'>>({
    maxSize: CACHED_FAILURES,
    maxAge: FAILURE_MS,
  })
  const inFlight = new Map<string, Promise<FetchedDocument>>()

  async function fetchDocument(target: Target): Promise<FetchedDocument> {
    const known = documents.get(target.key)
    const { status, headers, body } = await request(target, known?.etag)
    const fetchedAt = Date.now()
    const document = {
      json: status === 304 && known ? known.json : parse(body),
      etag: headers.etag ?? (status === 304 ? known?.etag : undefined),
      fetchedAt,
      freshUntil: fetchedAt + freshSeconds(headers) * 1000,
    }
    documents.set(target.key, document)
    return document
  }

  async function fetchOnce(target: Target): Promise<FetchedDocument> {
    try {
      return await fetchDocument(target)
    } catch (error) {
      if (error instanceof FetchError && error.reason !== 'busy') {
        failures.set(target.key, { reason: error.reason, message: error.message })
      }
      throw error
    } finally {
      inFlight.delete(target.key)
    }
  }

  function start(target: Target): Promise<FetchedDocument> {
    const running = fetchOnce(target)
    inFlight.set(target.key, running)
    return running
  }

  /** @returns undefined: it must be fetched. @throws FetchError that is cached */
  function cached(key: string, maxAgeMs: number): FetchedDocument | undefined {
    const known = documents.get(key)
    const now = Date.now()
    if (known && known.freshUntil > now && known.fetchedAt + maxAgeMs > now) return known
    const failure = failures.get(key)
    if (failure) throw new FetchError(failure.reason, failure.message)
    return undefined
  }

  async function find(target: Target, { maxAgeMs = Infinity, beforeFetch }: GetOptions): Promise<FetchedDocument> {
    const { key } = target
    const known = cached(key, maxAgeMs) ?? inFlight.get(key)
    if (known) return known
    await beforeFetch?.()
    // Somebody else may have started it in the meantime.
    return cached(key, maxAgeMs) ?? inFlight.get(key) ?? start(target)
  }

  return {
    getFile: createGetFile(request, allowLoopback),
    async get(text, options = {}) {
      const { accept = JSON_TYPES, maxBytes = MAX_BYTES, staleIfErrorMs = 0 } = options
      const url = parseDocumentUrl(text, { allowLoopback })
      const key = JSON.stringify([text, maxBytes, ...accept])
      try {
        return await find({ url, key, accept, maxBytes }, options)
      } catch (error) {
        const known = error instanceof FetchError ? documents.get(key) : undefined
        if (known && known.fetchedAt + staleIfErrorMs > Date.now()) return known
        throw error
      }
    },
  }
}

const createGetFile =
  (request: RequestTarget, allowLoopback: boolean): DocumentFetcher['getFile'] =>
  async (text, { accept, maxBytes }) => {
    const url = parseDocumentUrl(text, { allowLoopback })
    return (await request({ url, key: text, accept, maxBytes }, undefined)).body
  }

type RequestTarget = (target: Target, etag: string | undefined) => Promise<DocumentResponse>

/** Makes the function that sends one request, within the limits of time and concurrency. */
function createRequest(options: DocumentFetcherOptions): RequestTarget {
  const { ca, timeoutMs = TIMEOUT_MS } = options
  const resolve = createResolve(options)
  const slots = createSlots()
  return async ({ url, accept, maxBytes }, etag) => {
    const free = slots.take(hostOf(url))
    const timeout = new AbortController()
    const timer = setTimeout(() => timeout.abort(), timeoutMs)
    const { signal } = timeout
    try {
      const addresses = await resolve(hostOf(url), signal)
      return await requestDocument({ url, addresses, accept, maxBytes, etag, signal, ca })
    } finally {
      clearTimeout(timer)
      free()
    }
  }
}

/** UTF-8 only (RFC 8259 §8.1): other bytes are refused, not replaced. */
function parse(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch (error) {
    throw new FetchError('response', 'The document is not JSON.', error)
  }
}
