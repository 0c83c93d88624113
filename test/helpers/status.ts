import { decodeJwt } from 'jose'

/** Where the status of a token stands (draft-ietf-oauth-status-list §6). */
export interface Reference {
  idx: number
  uri: string
}

/** What a JWT says of that. */
export const referenceOf = (token: string) => (decodeJwt(token).status as { status_list: Reference }).status_list

/** Id of the list that a reference names. */
export const listOf = ({ uri }: Pick<Reference, 'uri'>) => Number(uri.slice(uri.lastIndexOf('/') + 1))
