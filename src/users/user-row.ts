import type { Token } from '../../packages/guard/src/token.ts'

/** The rows of users whose id in tokens is not the id of their row, by token. */
const rows = new WeakMap<Token, string>()

/** Sets the row of the user of a token, where tokens name the user by another id. */
export const setUserRow = (token: Token, row: string): void => void rows.set(token, row)

/** The id of the row of a token's user; null: a machine's token. `userId` of the token is what tokens name the user by. */
export const userRowOf = (token: Token): string | null => rows.get(token) ?? token.userId
