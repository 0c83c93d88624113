import { readFileSync } from 'node:fs'
import { fastifyCookie } from '@fastify/cookie'
import type { FastifyRequest } from 'fastify'
import { ADMIN_SCOPES } from '../scopes/admin.ts'
import type { Sessions } from '../users/sessions.ts'
import { icon } from './assets.ts'
import type { Site } from './site.ts'
import { texts } from './texts.ts'

const own = (name: string) => readFileSync(`${import.meta.dirname}/assets/${name}`, 'utf8')

/** Enough for the routes that stand first. */
const PRESELECTED = ['user:read', 'tokens:read', 'tokens:write']

/** What the pages add to the API explorer: their header, and what the signed-in person can authorize it to. */
export const explorerPage = (site: Site, sessions: Pick<Sessions, 'find'>) => ({
  theme: explorerTheme(site),
  withoutScript: texts.nav.docsWithoutScript,
  preselected: PRESELECTED,
  /** Administrative scopes are for administrators; of who is not signed in, nobody knows yet. */
  async hiddenScopes({ headers }: FastifyRequest): Promise<readonly string[]> {
    const session = fastifyCookie.parse(headers.cookie ?? '')[site.sessionCookie]
    const signedIn = session === undefined ? undefined : await sessions.find(session)
    return signedIn && signedIn.user.role !== 'admin' ? ADMIN_SCOPES : []
  },
})

/** A stylesheet and a script that add the header of the other pages to the API explorer. */
function explorerTheme({ name, base }: Site) {
  const { nav, lang } = texts
  const links = [
    ...(['tokens', 'apps', 'account'] as const).map(part => ({ href: `${base}/${part}`, text: nav[part] })),
    { href: `${base}/docs`, text: nav.docs, current: true },
  ]
  const frame = { lang, site: name, label: nav.label, links }
  return {
    title: `${nav.docs} · ${name}`,
    favicon: [{ filename: 'icon.svg', rel: 'icon', type: icon.type, sizes: 'any', content: icon.content }],
    css: [{ filename: 'frame.css', content: own('explorer.css') }],
    js: [{ filename: 'frame.js', content: `const frame = ${JSON.stringify(frame)}\n${own('explorer.js')}` }],
  }
}
