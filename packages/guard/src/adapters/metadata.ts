import type { PlainResponse } from '../error-response.ts'
import { METADATA_HEADERS, type ResourceDescription } from '../resource.ts'

/** The response to a request for the metadata; undefined for any other request. */
export type RespondWithMetadata = (method: string | undefined, url: string) => PlainResponse | undefined

/** For scripts of every origin: the metadata is public. */
const PREFLIGHT = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, HEAD',
  'access-control-allow-headers': '*',
  'access-control-max-age': '86400',
}

/** @param paths where the metadata is served; default: at its own URL (RFC 9728 §3.1) */
export function createMetadataResponder(
  description: ResourceDescription,
  paths = [description.url.pathname],
): RespondWithMetadata {
  const response = metadataResponse(description)
  return (method, requested) => {
    if (!paths.includes(pathOf(requested))) return undefined
    if (method === 'GET') return response
    if (method === 'HEAD') return { ...response, body: '' }
    return method === 'OPTIONS' ? { status: 204, headers: PREFLIGHT, body: '' } : undefined
  }
}

export const metadataResponse = ({ metadata }: ResourceDescription): PlainResponse => ({
  status: 200,
  headers: { 'content-type': 'application/json', ...METADATA_HEADERS },
  body: JSON.stringify(metadata),
})

/** The path of a URL or of a path with a query. */
const pathOf = (url: string) => URL.parse(url, 'http://here.invalid')?.pathname ?? ''
