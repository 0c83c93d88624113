/** What a row was imported as, for the report. */
export type Part = 'users' | 'clients' | 'tokens' | 'refresh_tokens'

/** How many rows came along. */
export interface Counts {
  /** Rows of the source. */
  read: number
  /** New here. */
  imported: number
  /** Imported before. */
  known: number
  /** Of those that were imported before: they were used, revoked or deleted since. */
  updated: number
  refused: number
}

/** Rows that did not come along, or not as they were. */
export interface Finding {
  part: Part
  /** Whether the rows were refused, or imported with a difference. */
  refused: boolean
  reason: string
  count: number
  /** The ids of some of them in the source. */
  examples: string[]
}

export interface Report {
  source: string
  system: string
  dry_run: boolean
  counts: Record<Part, Counts>
  findings: Finding[]
  /** What the operator should know. */
  notes: string[]
}

const MAX_EXAMPLES = 10
const PARTS: readonly Part[] = ['users', 'clients', 'tokens', 'refresh_tokens']

/** Collects what happens during an import. */
export class ReportBuilder {
  readonly #counts = Object.fromEntries(
    PARTS.map(part => [part, { read: 0, imported: 0, known: 0, updated: 0, refused: 0 }]),
  ) as Record<Part, Counts>
  readonly #findings = new Map<string, Finding>()
  readonly #notes = new Set<string>()

  count(part: Part, what: keyof Counts, by = 1): void {
    this.#counts[part][what] += by
  }

  /** A row that is not imported. @param reason a clause such as `its user is not known here` */
  refuse(part: Part, id: string, reason: string): void {
    this.count(part, 'refused')
    this.#find(part, id, reason, true)
  }

  /** A row that is imported with a difference. */
  remark(part: Part, id: string, reason: string): void {
    this.#find(part, id, reason, false)
  }

  note(text: string): void {
    this.#notes.add(text)
  }

  #find(part: Part, id: string, reason: string, refused: boolean): void {
    const key = `${part} ${refused} ${reason}`
    const finding = this.#findings.get(key) ?? { part, refused, reason, count: 0, examples: [] }
    finding.count++
    if (finding.examples.length < MAX_EXAMPLES) finding.examples.push(id)
    this.#findings.set(key, finding)
  }

  build(about: Pick<Report, 'source' | 'system' | 'dry_run'>): Report {
    return { ...about, counts: this.#counts, findings: [...this.#findings.values()], notes: [...this.#notes] }
  }
}

const TITLES: Record<Part, string> = {
  users: 'Users',
  clients: 'Clients',
  tokens: 'Access tokens',
  refresh_tokens: 'Refresh tokens',
}

/** The report as text, without control characters escaped. */
export function reportText({ source, system, dry_run: dryRun, counts, findings, notes }: Report): string {
  const lines = [`Import of ${system} from the source "${source}"${dryRun ? ' (dry run: nothing was written)' : ''}`]
  for (const part of PARTS) {
    const { read, imported, known, updated, refused } = counts[part]
    if (read === 0 && updated === 0) continue
    const parts = [`${read} read`, `${imported} ${dryRun ? 'to import' : 'imported'}`, `${known} known`]
    lines.push(`${TITLES[part]}: ${[...parts, `${updated} updated`, `${refused} refused`].join(', ')}`)
    for (const finding of findings.filter(one => one.part === part)) lines.push(findingText(finding))
  }
  return [...lines, ...notes.map(note => `Note: ${note}`)].join('\n')
}

function findingText({ refused, reason, count, examples }: Finding): string {
  const ids = examples.join(', ') + (count > examples.length ? ', …' : '')
  return `  ${refused ? 'refused' : 'changed'} ${count}: ${reason} (${ids})`
}
