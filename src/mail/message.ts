import type { Language } from '../text/language.ts'

/** A mail without its formatting. Each paragraph is plain text. */
export interface Message {
  to: string
  language: Language
  subject: string
  paragraphs: readonly string[]
  /** A link that is shown as a button, and in full in the text form. */
  action?: { label: string; url: string }
  /** Paragraphs after the link. */
  after?: readonly string[]
}

/** @returns the plain text form */
export function toText({ paragraphs, action, after = [] }: Message): string {
  const link = action ? [`${action.label}:\n${action.url}`] : []
  return `${[...paragraphs, ...link, ...after].join('\n\n')}\n`
}

/** @returns the HTML form: no image, no style sheet, nothing that is loaded */
export function toHtml({ language, paragraphs, action, after = [] }: Message): string {
  const text = (lines: readonly string[]) => lines.map(line => `<p>${escapeHtml(line)}</p>`).join('\n')
  const link = action
    ? `<p><a href="${escapeHtml(action.url)}" style="${BUTTON}">${escapeHtml(action.label)}</a></p>`
    : ''
  return `<!doctype html>
<html lang="${language}"><meta charset="utf-8">
<body style="font:16px/1.5 system-ui,sans-serif;max-width:34em;margin:0 auto;padding:1em">
${text(paragraphs)}
${link}
${text(after)}
</body></html>
`
}

const BUTTON =
  'display:inline-block;padding:.6em 1.2em;border-radius:.4em;background:#1d4ed8;color:#fff;text-decoration:none'

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escapeHtml = (text: string) => text.replace(/[&<>"']/g, character => ENTITIES[character] as string)
