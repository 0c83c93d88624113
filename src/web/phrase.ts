import { Eta } from 'eta'

const { escapeFunction } = new Eta().config

/**
 * Replaces the placeholders of a text and escapes the result as HTML. Each value is in a `<bdi>`, so that a right-to-left
 * value does not reorder the text around it.
 */
export function phrase(text: string, values: Readonly<Record<string, string>> = {}): string {
  const value = (name: string) => `<bdi>${escapeFunction(stripBidiControls(values[name] ?? ''))}</bdi>`
  return escapeFunction(text).replaceAll(/\{(\w+)\}/g, (_, name) => value(name))
}

/** A name without bidirectional control characters, which could make it look like another one. */
export function stripBidiControls(name: string): string {
  return name.replaceAll(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '')
}
