import type { Scope } from '../scopes/catalogue.ts'
import { texts } from './texts.ts'

/** What a scope permits: in the language of the page for those of this server, else as the operator wrote it. */
export function describeScope({ id, description }: Pick<Scope, 'id' | 'description'>): string {
  const own: Readonly<Record<string, string>> = texts.scopes
  return own[id] ?? description
}
