/** What lets requests in without a token, or signs any, has no business where people work. */
export function refuseInProduction(what: string): void {
  if (process.env.NODE_ENV === 'production') throw new Error(`${what} is for tests; NODE_ENV is production.`)
}
