import type { StatusChange } from '../../packages/guard/src/event-stream.ts'

/** Receives a batch of changes; undefined when the changes are unknown. */
export type ChangeListener = (changes: readonly StatusChange[] | undefined) => void
export type ChangeObserver = (changes: readonly StatusChange[]) => void

/** Those who are notified of changes. While there are listeners, `poll` is called at an interval; observers start none. */
export class ChangeListeners {
  readonly #listeners = new Set<ChangeListener>()
  readonly #observers = new Set<ChangeObserver>()
  readonly #poll: () => void
  readonly #intervalMs: number
  #timer: NodeJS.Timeout | undefined

  constructor(poll: () => void, intervalMs: number) {
    this.#poll = poll
    this.#intervalMs = intervalMs
  }

  emit(changes: readonly StatusChange[] | undefined): void {
    for (const listener of this.#listeners) listener(changes)
    if (changes?.length) for (const observer of this.#observers) observer(changes)
  }

  /** @returns a function that removes the listener */
  subscribe(listener: ChangeListener): () => void {
    this.#listeners.add(listener)
    this.#timer ??= setInterval(this.#poll, this.#intervalMs).unref()
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size === 0) this.stop()
    }
  }

  /** @returns a function that removes the observer */
  observe(observer: ChangeObserver): () => void {
    this.#observers.add(observer)
    return () => void this.#observers.delete(observer)
  }

  /** Stops polling. */
  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
