/** Why a row is refused whose values passed every check here, but not those of the database. */
export const REJECTED = 'the database does not accept its values'

/** Classes of errors of PostgreSQL that a value causes: data exceptions, violated constraints, exceeded limits. */
const OF_A_VALUE = /^(22|23|54)...$/

/** Whether the database rejected a value, as opposed to a failure of its own. */
export const isRejection = (error: unknown): boolean => OF_A_VALUE.test(String((error as { code?: unknown }).code))

/**
 * Writes items by one statement. If the database rejects a value, its item is found by halves and left out.
 * @param write fails as a whole, and then has written nothing
 * @returns what each part returned, and the items that were left out
 */
export async function writeAccepted<T, R>(
  items: readonly T[],
  write: (items: T[]) => Promise<R>,
): Promise<{ results: R[]; rejected: T[] }> {
  try {
    return { results: [await write([...items])], rejected: [] }
  } catch (error) {
    if (!isRejection(error)) throw error
    if (items.length === 1) return { results: [], rejected: [...items] }
    const half = Math.ceil(items.length / 2)
    const [first, second] = [
      await writeAccepted(items.slice(0, half), write),
      await writeAccepted(items.slice(half), write),
    ]
    return { results: [...first.results, ...second.results], rejected: [...first.rejected, ...second.rejected] }
  }
}
