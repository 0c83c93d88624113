import type { DisplayNames } from '../../admin/display-names.ts'
import type { AccessToken } from '../../tokens/token.entity.ts'
import type { Usage } from '../../tokens/usage.ts'
import { phrase } from '../phrase.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'
import { when } from '../times.ts'

export interface TokenFactsOptions {
  site: Site
  usage: Pick<Usage, 'lastUse'>
  displayNames: DisplayNames
}

/** A line of a definition list. */
export interface Fact {
  name: string
  html: string
}

/** What an administrator has to know of a token before revoking it: owner, app, scopes, last use and expiry. */
export type TokenFacts = (token: AccessToken) => Promise<Fact[]>

const text = texts.manage.tokens

export function createTokenFacts({ site, usage, displayNames }: TokenFactsOptions): TokenFacts {
  const link = (path: string, html: string) => `<a href="${site.base}/manage/${path}">${html}</a>`

  return async token => {
    const owner = (await displayNames.users([token.user])).get(token.user ?? '')
    const app = (await displayNames.clients([token.client])).get(token.client)
    const { lastUsedAt } = usage.lastUse(token)
    const ownerHtml =
      owner && link(`users/${token.user}`, phrase(ownerText(owner), { ...owner, email: owner.email ?? '' }))
    return [
      { name: text.owner, html: ownerHtml ?? phrase(text.machine) },
      { name: text.app, html: link(`clients/${token.client}`, phrase('{app}', { app: app ?? token.client })) },
      { name: text.scopes, html: codes(token.scopes) || phrase(texts.manage.none) },
      { name: text.created, html: when(token.createdAt) },
      { name: text.used, html: lastUsedAt ? when(lastUsedAt) : phrase(texts.manage.never) },
      { name: text.expires, html: when(token.expiresAt) },
    ]
  }
}

const ownerText = ({ email }: { email: string | null }) => (email === null ? '{name}' : '{name} ({email})')

const codes = (ids: readonly string[]) => ids.map(id => `<code>${phrase('{id}', { id })}</code>`).join(' ')
