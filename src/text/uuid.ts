/** A UUID as text (RFC 9562 §4) in upper or lower case, as PostgreSQL accepts it. Every id is validated by it. */
export const UUID_PATTERN = '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'

const UUID = new RegExp(UUID_PATTERN)

/**
 * Whether a text is a valid id. PostgreSQL rejects a query with any other text.
 * @example isUuid('01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a10') // true
 */
export const isUuid = (text: string): boolean => UUID.test(text)
