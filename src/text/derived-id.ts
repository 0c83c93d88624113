import { hash } from 'node:crypto'
import { stringify } from 'uuid'

/**
 * A UUID of version 8 (RFC 9562 §5.8) from the hash of a name. All nodes derive the same one before a row exists, and no UUID of
 * another version can be equal to it.
 * @example derivedId('postern client https://app.example.com/client.json')
 */
export function derivedId(name: string): string {
  const bytes = hash('sha256', name, 'buffer').subarray(0, 16)
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x80
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  return stringify(bytes)
}

/** Whether an id has the form of {@link derivedId}. No other row may have such an id. */
export const isDerivedId = (id: string): boolean => id[14] === '8'
