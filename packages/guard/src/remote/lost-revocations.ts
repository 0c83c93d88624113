import { StatusBits } from '../status-bits.ts'

/** Indices of one list, in the form that the issuer reads. */
export interface LostInList {
  list: number
  revoked: number[]
}

/** What a list has of its lost revocations, in the two bits of a status. */
const MARK = { none: 0, waiting: 1, reported: 2 } as const
/** As many lists as the cache has. */
const MAX_LISTS = 1_000

interface MarkedList {
  marks: StatusBits
  /** How many wait, all of them at this index or behind it. */
  waiting: number
  from: number
}

const listNumber = (uri: string) => Number(uri.slice(uri.lastIndexOf('/') + 1))

/**
 * Revocations that this guard knows and the lists of the issuer no longer have, each reported once while they lack it. It takes as much memory as
 * the lists that lack any, however many they lack.
 */
export class LostRevocations {
  readonly #lists = new Map<string, MarkedList>()
  /** Called when there is something to report. */
  onAdded: () => void = () => {}

  /**
   * Call it for each fetched list: what it no longer lacks may be lost, and reported, again.
   * @param lacked all indices that it lacks. @param size of the list
   */
  update(uri: string, size: number, lacked: readonly number[]): void {
    const known = this.#lists.get(uri)?.marks
    this.#lists.delete(uri)
    if (lacked.length === 0 || this.#lists.size >= MAX_LISTS) return
    const list = { marks: new StatusBits(size), waiting: 0, from: size }
    for (const index of lacked) {
      if (index < 0 || index >= size) continue
      const isReported = known !== undefined && index < known.size && known.get(index) === MARK.reported
      list.marks.set(index, isReported ? MARK.reported : MARK.waiting)
      if (isReported) continue
      list.waiting++
      list.from = Math.min(list.from, index)
    }
    this.#lists.set(uri, list)
    if (list.waiting > 0) this.onAdded()
  }

  /** The issuer has revoked one, by the report of any guard or otherwise. */
  revoked(uri: string, index: number): void {
    const list = this.#lists.get(uri)
    if (!list || index >= list.marks.size) return
    if (list.marks.get(index) === MARK.waiting) list.waiting--
    list.marks.set(index, MARK.none)
  }

  /** Whether any waits for its report. */
  get waiting(): boolean {
    return [...this.#lists.values()].some(({ waiting }) => waiting > 0)
  }

  /** Those to report next. They wait until `reported`. @param max of all lists together */
  next(max: number): LostInList[] {
    const batch: LostInList[] = []
    let left = max
    for (const [uri, list] of this.#lists) {
      if (list.waiting === 0 || left === 0) continue
      const revoked = waitingIn(list, Math.min(list.waiting, left))
      list.from = revoked[0] ?? list.from
      left -= revoked.length
      batch.push({ list: listNumber(uri), revoked })
    }
    return batch
  }

  /** The issuer has them, or does not know these tokens. */
  reported(batch: readonly LostInList[]): void {
    for (const [uri, list] of this.#lists) {
      const revoked = batch.find(each => each.list === listNumber(uri))?.revoked ?? []
      for (const index of revoked) {
        if (list.marks.get(index) !== MARK.waiting) continue
        list.marks.set(index, MARK.reported)
        list.waiting--
      }
    }
  }
}

function waitingIn({ marks, from }: MarkedList, count: number): number[] {
  const indices: number[] = []
  for (let index = from; index < marks.size && indices.length < count; index++) {
    if (marks.get(index) === MARK.waiting) indices.push(index)
  }
  return indices
}
