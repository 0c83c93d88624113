import { derivedId } from '../text/derived-id.ts'

export { isDerivedId } from '../text/derived-id.ts'

/** Whether a `client_id` is the URL of a metadata document. Every other one is a UUID. */
export const isMetadataUrl = (clientId: string): boolean => /^https?:/i.test(clientId)

/**
 * The id of the row of a client with a metadata document, derived from its URL.
 * @example metadataClientId('https://app.example.com/client.json')
 */
export const metadataClientId = (url: string): string => derivedId(`postern client ${url}`)
