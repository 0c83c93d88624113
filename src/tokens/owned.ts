/**
 * The SQL condition of the tokens that a user created and named under a client, with a `?` for each of the two. `is true` keeps
 * the planner from an index of clients: the client of personal tokens has nearly all tokens.
 */
export const ownedSql = (alias: string): string =>
  `${alias}.user_id = ? and (${alias}.client_id = ?) is true and ${alias}.parent_id is null`
