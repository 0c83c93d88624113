import type { ReadAttention, RefusedOften } from '../../admin/attention.ts'
import type { DisplayNames } from '../../admin/display-names.ts'
import type { Operation } from '../../operations/operation.entity.ts'
import type { Operations } from '../../operations/operations.ts'
import type { BulkFilter } from '../../tokens/bulk.ts'
import { plural } from '../numbers.ts'
import { operationPath, progressOf } from '../operations.ts'
import { phrase, stripBidiControls } from '../phrase.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'

export interface AttentionListOptions {
  site: Site
  readAttention: ReadAttention
  displayNames: DisplayNames
  operations: Pick<Operations, 'list'>
}

/** One line of what needs attention. */
export interface AttentionLine {
  html: string
  /** The same without markup, for the name of its link. */
  label: string
  href: string
}

const text = texts.manage.overview.attention
const MAX_OPERATIONS = 5

/** Names of the audit filters, and of the texts, of each kind of refusal. */
const REFUSED = {
  'sign_in.failed': { field: 'user', of: 'userRefused' },
  'client.authentication_failed': { field: 'client', of: 'clientRefused' },
  'token.reused': { field: 'client', of: 'reused' },
} as const

/**
 * Creates the function that lists what an administrator should look at today, each with a link to the list of it.
 * @returns a function of the number of failed sign-ins today
 */
export function createAttentionList(options: AttentionListOptions) {
  const { site, readAttention, displayNames, operations } = options
  const manage = `${site.base}/manage`
  const pathTo = (page: string, query: Record<string, string>) => `${manage}/${page}?${new URLSearchParams(query)}`

  async function refusals(refused: readonly RefusedOften[], since: Date): Promise<AttentionLine[]> {
    const ids = refused.map(({ id }) => id)
    const [people, apps] = await Promise.all([displayNames.users(ids), displayNames.clients(ids)])
    return refused.map(({ kind, id, count }) => {
      const { field, of } = REFUSED[kind]
      const name = (field === 'user' ? people.get(id)?.name : apps.get(id)) ?? `${texts.manage.gone} (${id})`
      return lineOf(plural(text[of], count), pathTo('audit', { kind, [field]: id, since: toDay(since) }), { name })
    })
  }

  async function unfinished(): Promise<AttentionLine[]> {
    const found = await operations.list({ statuses: ['running', 'failed'] }, { limit: MAX_OPERATIONS })
    return found.map(operation => lineOf(wordsOf(operation), site.base + operationPath(operation)))
  }

  return async (failedSignIns: number): Promise<AttentionLine[]> => {
    const { tokens, refused, refusedSince } = await readAttention()
    const failed = pathTo('audit', { kind: 'sign_in.failed' })
    return [
      ...(await unfinished()),
      ...tokens
        .filter(({ count }) => count > 0)
        .map(({ of, count, filter }) => lineOf(plural(text[of], count), pathTo('tokens', toQuery(filter)))),
      ...(failedSignIns > 0 ? [lineOf(plural(text.failedSignIns, failedSignIns), failed)] : []),
      ...(await refusals(refused, refusedSince)),
    ]
  }
}

/** How far an operation is, and whether it goes on. */
function wordsOf(operation: Operation): string {
  const { words } = progressOf(operation)
  return text[operation.status === 'failed' ? 'operationFailed' : 'operationRunning'].replace('{progress}', () => words)
}

function lineOf(words: string, href: string, values: Record<string, string> = {}): AttentionLine {
  const label = words.replaceAll(/\{(\w+)\}/g, (_, name) => stripBidiControls(values[name] ?? ''))
  return { html: phrase(words, values), label, href }
}

/** The fields of the page that lists tokens. */
const toQuery = ({ clientId, createdBefore, unusedSince, neverUsed, expiresBefore }: BulkFilter) => ({
  ...(clientId !== undefined && { client: clientId }),
  ...(createdBefore && { made_before: toDay(createdBefore) }),
  ...(unusedSince && { unused_since: toDay(unusedSince) }),
  ...(neverUsed && { never_used: 'yes' }),
  ...(expiresBefore && { expires_before: toDay(expiresBefore), sort: 'expires_at' }),
})

const toDay = (date: Date): string => date.toISOString().slice(0, 10)
