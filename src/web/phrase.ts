import { Eta } from 'eta'

const { escapeFunction } = new Eta().config

/**
 * Puts values into a text, as HTML that is safe to write. Each value is set apart, so that one that runs from right to
 * left does not turn the words around it.
 */
export function phrase(text: string, values: Readonly<Record<string, string>> = {}): string {
  return escapeFunction(text).replaceAll(/\{(\w+)\}/g, (_, name) => `<bdi>${escapeFunction(values[name])}</bdi>`)
}
