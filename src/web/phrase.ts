import { Eta } from 'eta'

const { escapeFunction } = new Eta().config

/**
 * Puts values into a text, as HTML that is safe to write. Each value is set apart, so that one that runs from right to
 * left does not turn the words around it.
 */
export function phrase(text: string, values: Readonly<Record<string, string>> = {}): string {
  const value = (name: string) => `<bdi>${escapeFunction(asWritten(values[name] ?? ''))}</bdi>`
  return escapeFunction(text).replaceAll(/\{(\w+)\}/g, (_, name) => value(name))
}

/** What somebody called something, without the characters that make it look like something else. */
export function asWritten(name: string): string {
  return name.replaceAll(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')
}
