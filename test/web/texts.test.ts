import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { mailTextsIn } from '../../src/mail/texts.ts'
import { LANGUAGES } from '../../src/text/language.ts'
import { textsIn } from '../../src/web/texts.ts'

const VIEWS = `${import.meta.dirname}/../../src/web/views`

type Texts = { readonly [name: string]: string | Texts }

/** Each text with its path. */
function leaves(texts: Texts, path = ''): [path: string, text: string][] {
  return Object.entries(texts).flatMap(([name, value]) =>
    typeof value === 'string' ? [[`${path}${name}`, value] as [string, string]] : leaves(value, `${path}${name}.`),
  )
}

/** The placeholders of a text. A form for one may spell its count out, so its count is left out. */
const placeholders = (path: string, text: string) =>
  [...new Set(text.match(/\{\w+\}/g))].filter(name => !(path.endsWith('.one') && /\{(n|count)\}/.test(name))).sort()

for (const [what, textsOf] of [
  ['pages', textsIn],
  ['mails', mailTextsIn],
] as const) {
  const english = new Map(leaves(textsOf('en') as unknown as Texts))
  for (const language of LANGUAGES) {
    t.test(`${what}: every text exists in ${language}, with the same placeholders`, async t => {
      const translated = new Map(leaves(textsOf(language) as unknown as Texts))
      t.strictSame([...translated.keys()].sort(), [...english.keys()].sort())
      for (const [path, text] of translated) {
        t.strictSame(placeholders(path, text), placeholders(path, english.get(path) ?? ''), path)
        t.ok(text.trim() === text && text !== '', `${path} is not blank`)
      }
    })
  }
}

t.test('no text of one language was copied to another by mistake', async t => {
  const german = new Map(leaves(textsIn('de') as unknown as Texts))
  const same = leaves(textsIn('en') as unknown as Texts)
    .filter(([path, text]) => german.get(path) === text && /\w \w+ \w/.test(text))
    .map(([path]) => path)
  t.strictSame(same, [])
})

t.test('views contain no text of their own', async t => {
  const views = readdirSync(VIEWS, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.eta'))
  t.ok(views.length > 30)
  for (const view of views) {
    const html = readFileSync(`${VIEWS}/${view}`, 'utf8').replaceAll(/<%[\s\S]*?%>/g, '')
    const labels = [...html.matchAll(/\s(?:aria-label|alt|title|placeholder|data-label)="([^"]*)"/g)].map(
      ([, text]) => text,
    )
    const content = html.replaceAll(/<[^>]*>/g, ' ')
    t.notMatch(`${content} ${labels.join(' ')}`, /\p{L}{2,}/u, view)
  }
})
