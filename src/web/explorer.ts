import { readFileSync } from 'node:fs'
import { icon } from './assets.ts'
import type { Site } from './site.ts'
import { texts } from './texts.ts'

const own = (name: string) => readFileSync(`${import.meta.dirname}/assets/${name}`, 'utf8')

/** A stylesheet and a script that add the header of the other pages to the API explorer. */
export function explorerTheme({ name, base }: Site) {
  const { nav, lang } = texts
  const links = [
    ...(['tokens', 'apps', 'account'] as const).map(part => ({ href: `${base}/${part}`, text: nav[part] })),
    { href: `${base}/docs`, text: nav.docs, current: true },
  ]
  const frame = { lang, site: name, label: nav.label, links }
  return {
    title: `${nav.docs} · ${texts.product}`,
    favicon: [{ filename: 'icon.svg', rel: 'icon', type: icon.type, sizes: 'any', content: icon.text }],
    css: [{ filename: 'frame.css', content: own('explorer.css') }],
    js: [{ filename: 'frame.js', content: `const frame = ${JSON.stringify(frame)}\n${own('explorer.js')}` }],
  }
}
