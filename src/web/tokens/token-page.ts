import type { FastifyReply } from 'fastify'
import { WILDCARD } from '../../../packages/guard/src/scope-set.ts'
import type { AuditEvent } from '../../audit/event.entity.ts'
import type { AuditLog } from '../../audit/log.ts'
import type { Catalogue } from '../../scopes/catalogue.ts'
import { isAllowed } from '../../tokens/owner.ts'
import type { AccessToken } from '../../tokens/token.entity.ts'
import type { FormError } from '../form-error.ts'
import { stripBidiControls } from '../phrase.ts'
import { scopeChoice } from '../scope-choice.ts'
import { describeScope } from '../scope-description.ts'
import { signedInOf } from '../signed-in.ts'
import { texts } from '../texts.ts'
import type { PageOwner } from './owner.ts'
import type { ShowIssued } from './show-issued.ts'
import { nameOf, type TokenView, type TokenViews } from './view.ts'

export interface TokenPageOptions {
  catalogue: Catalogue
  view: TokenViews
  show: ShowIssued
  auditLog: Pick<AuditLog, 'list'>
}

/** The values of the edit form. */
export interface FormValues {
  name: string
  scopes: readonly string[]
}

const section = 'tokens' as const
const MAX_HISTORY = 20

interface HistoryEntry {
  at: Date
  kind: string
  by: 'reader' | 'other' | 'server'
}

const actorOf = ({ actorUserId, actorClientId }: AuditEvent, reader: string): HistoryEntry['by'] => {
  if (actorUserId === reader) return 'reader'
  return actorUserId === null && actorClientId === null ? 'server' : 'other'
}

/** Seconds that the old token stays valid, by the value of the form. */
export const OVERLAPS = { none: 0, hour: 3_600, day: 86_400, week: 604_800 } as const
export type Overlap = keyof typeof OVERLAPS

/** Shows a token with its forms, and the choice of scopes in them. */
export function createTokenPage({ catalogue, view, show, auditLog }: TokenPageOptions) {
  function choiceOf(
    { owner, role }: PageOwner,
    { scopes: existing }: AccessToken,
    checked: readonly string[] = existing,
  ) {
    const allows = (id: string) => isAllowed(catalogue, owner, id)
    return scopeChoice(catalogue, { checked, existing, role, wildcard: texts.tokens.form.wildcard, allows })
  }

  /** What was done to the token, newest first. */
  async function historyOf({ owner }: PageOwner, { id }: AccessToken, reader: string): Promise<HistoryEntry[]> {
    const events = await auditLog.list({ userId: owner.id, ofToken: id }, { limit: MAX_HISTORY })
    return events.map(event => ({ at: event.at, kind: event.kind, by: actorOf(event, reader) }))
  }

  /** The scopes of a token, with what they permit and whether they were ever used. */
  function scopesOf({ scopes, unusedScopes }: TokenView) {
    const known = new Map(catalogue.scopes.map(scope => [scope.id, describeScope(scope)]))
    return scopes.map(id => ({
      id,
      description: id === WILDCARD ? texts.tokens.form.wildcard : known.get(id),
      unused: unusedScopes.includes(id),
    }))
  }

  async function tokenPage(
    owner: PageOwner,
    reply: FastifyReply,
    token: AccessToken,
    filled?: FormValues,
    refusal?: FormError,
  ) {
    const { name, scopes } = filled ?? { name: stripBidiControls(token.name ?? ''), scopes: token.scopes }
    const shown = view(token)
    const data = {
      title: nameOf(token),
      section,
      home: owner.home,
      token: shown,
      scopes: scopesOf(shown),
      history: await historyOf(owner, token, signedInOf(reply.request).user.id),
      editing: filled !== undefined,
      name,
      choice: choiceOf(owner, token, scopes),
      overlaps: Object.keys(OVERLAPS),
      once: show.newFormId(),
      refusal,
    }
    return reply.page('tokens/token.eta', data)
  }

  return { tokenPage, choiceOf }
}
