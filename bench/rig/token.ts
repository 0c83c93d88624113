import { decodeJwt } from 'jose'
import type { RigToken } from './verifier.ts'

/** @param text a JWT that was issued just now */
export function rigToken(text: string): RigToken {
  const { idx, uri } = (decodeJwt(text).status as { status_list: { idx: number; uri: string } }).status_list
  return { text, reference: `${uri.split('/').at(-1)} ${idx}`, revocationSent: false }
}
