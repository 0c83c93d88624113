import type { Resource } from '../../clients/resources.ts'
import type { Params } from '../../grants/grant.ts'

/** A checkbox for an API that the token may be for. */
export interface ResourceBox {
  uri: string
  name: string
  /** Name of its field: a form here holds no field twice. */
  field: string
  checked: boolean
}

const FIELD = 'resource.'
/** A page stays small; whoever has more APIs names them by the API. */
const MOST = 50

export const resourceChoice = (resources: readonly Resource[], checked: readonly string[]): ResourceBox[] =>
  resources
    .slice(0, MOST)
    .map(({ uri, name = '' }) => ({ uri, name, field: FIELD + uri, checked: checked.includes(uri) }))

/** The resources that were ticked; undefined: none, which means every API. */
export function chosenResources(fields: Params): string[] | undefined {
  const chosen = Object.keys(fields).filter(name => name.startsWith(FIELD))
  return chosen.length > 0 ? chosen.map(name => name.slice(FIELD.length)) : undefined
}
