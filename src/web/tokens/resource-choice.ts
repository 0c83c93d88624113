import type { Resource } from '../../clients/resources.ts'
import type { Params } from '../../grants/grant.ts'

/** A checkbox for an API that the token can be limited to. */
export interface ResourceBox {
  uri: string
  name: string
  /** Name of its field, which is unique in the form. */
  field: string
  checked: boolean
}

const FIELD = 'resource.'
/** Keeps the page small. For more APIs, tokens can be created through the API. */
const MAX_RESOURCES = 50

export const resourceChoice = (resources: readonly Resource[], checked: readonly string[]): ResourceBox[] =>
  resources
    .slice(0, MAX_RESOURCES)
    .map(({ uri, name = '' }) => ({ uri, name, field: FIELD + uri, checked: checked.includes(uri) }))

/** The checked resources; undefined: none, which means every API. */
export function chosenResources(fields: Params): string[] | undefined {
  const chosen = Object.keys(fields).filter(name => name.startsWith(FIELD))
  return chosen.length > 0 ? chosen.map(name => name.slice(FIELD.length)) : undefined
}
