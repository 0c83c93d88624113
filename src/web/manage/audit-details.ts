import type { DisplayNames } from '../../admin/display-names.ts'
import type { AuditEvent } from '../../audit/event.entity.ts'
import { isUuid } from '../../text/uuid.ts'
import { phrase } from '../phrase.ts'
import { texts } from '../texts.ts'
import { formatExact } from '../times.ts'

/** A detail of an event in words of the page. */
export interface DetailView {
  name: string
  html: string
}

type People = Awaited<ReturnType<DisplayNames['users']>>
type Details = Pick<AuditEvent, 'kind' | 'details'>

const text = texts.manage.auditDetails
/** What the page shows elsewhere. */
const ELSEWHERE = new Set(['user_agent'])
/** Whose values are words of the API. */
const WORDS = new Set(['factor', 'fields', 'reason', 'role', 'way', 'work'])

const TIMES = new Set(['expires_at', 'last_audit', 'last_token', 'signs_from'])

/** The paths of what the values of a detail are the ids of. */
const PATHS: Readonly<Record<string, string>> = {
  accounts_without_maintainer: '/manage/service-accounts',
  exchanged_for: '/manage/tokens',
  operation: '/operations',
  replaces: '/manage/tokens',
  token: '/manage/tokens',
  trust: '/manage/trusts',
}
const USERS = new Set(['handed_over_from', 'maintainer', 'maintainers'])

/** The ids of the users that the details of events name. */
export const usersIn = (events: readonly Details[]): string[] =>
  events.flatMap(event =>
    Object.entries(event.details)
      .filter(([key]) => isUser(key, event))
      .flatMap(([, value]) => value)
      .filter((id): id is string => typeof id === 'string' && isUuid(id)),
  )

/** `from` and `to` of other events are keys. */
const isUser = (key: string, { kind }: Details) =>
  USERS.has(key) || (kind === 'token.handed_over' && (key === 'from' || key === 'to'))

/**
 * The details of an event in the language of the page, with links to what they name. The API and the CSV file have them as they
 * are stored.
 * @param base of the site
 * @param people the users of `usersIn`
 */
export function detailsOf(event: Details, base: string, people: People): DetailView[] {
  return Object.entries(event.details)
    .filter(([key]) => !ELSEWHERE.has(key))
    .map(([key, value]) => {
      const field = toSnakeCase(key)
      return { name: nameOf(field), html: listOf(value, each => linkTo(field, each, { event, base, people })) }
    })
}

interface LinkOptions {
  event: Details
  base: string
  people: People
}

function linkTo(field: string, value: unknown, { event, base, people }: LinkOptions): string {
  const words = wordsOf(field, value)
  if (typeof value !== 'string' || !isUuid(value)) return phrase('{words}', { words })
  const person = isUser(field, event) ? people.get(value) : undefined
  if (person) return `<a href="${base}/manage/users/${value}">${phrase('{name}', { name: person.name })}</a>`
  // It was removed.
  const path = event.kind === 'trust.removed' ? undefined : PATHS[field]
  return path ? `<a href="${base}${path}/${value}">${phrase('{words}', { words })}</a>` : phrase('{words}', { words })
}

const listOf = (value: unknown, each: (item: unknown) => string): string =>
  Array.isArray(value) ? value.map(each).join(', ') || '–' : each(value)

function wordsOf(field: string, value: unknown): string {
  if (value === null || value === '') return '–'
  if (typeof value === 'boolean') return value ? text.yes : text.no
  if (Array.isArray(value)) return value.map(each => wordsOf(field, each)).join(', ')
  if (typeof value === 'object') return pairsOf(value as object)
  const word = String(value)
  if (TIMES.has(field) && !Number.isNaN(Date.parse(word))) return `${formatExact(new Date(word))} UTC`
  if (!WORDS.has(field)) return word
  return entryOf(text.values, word) ?? entryOf(text.names, toSnakeCase(word)) ?? word
}

/** `sub=repo:acme/shop, ref=main` */
const pairsOf = (value: object) =>
  Object.entries(value)
    .map(([name, part]) => `${name}=${wordsOf('', part)}`)
    .join(', ') || '–'

const nameOf = (field: string) => entryOf(text.names, field) ?? field

/** Events of an earlier version may have others. */
const entryOf = (entries: Readonly<Record<string, string>>, name: string): string | undefined =>
  Object.hasOwn(entries, name) ? entries[name] : undefined

/** Settings of apps are recorded by the names of their columns here. */
const toSnakeCase = (name: string) => name.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
