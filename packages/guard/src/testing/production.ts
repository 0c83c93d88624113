/** Functions that accept requests without a token, or sign any token, must not run in production. @throws Error there */
export function refuseInProduction(caller: string): void {
  if (process.env.NODE_ENV === 'production') throw new Error(`${caller} is for tests only, but NODE_ENV is production.`)
}
