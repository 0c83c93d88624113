import type { Helper } from './helper.ts'

/** Lines of an `.npmrc` file: npm sends the token of the longest path that a request is below, as a bearer token. */
export const npm: Helper = async ({ token, hosts }) => {
  const { accessToken } = await token()
  return hosts.names.map(host => `//${host}/:_authToken=${accessToken}\n`).join('')
}
