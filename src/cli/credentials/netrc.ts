import type { Helper } from './helper.ts'

/** Entries of a `.netrc` file. Its machines have no port. */
export const netrc: Helper = async ({ token, hosts, username }) => {
  const { accessToken } = await token()
  const machines = new Set(hosts.names.map(host => new URL(`https://${host}`).hostname))
  return [...machines].map(name => `machine ${name}\n  login ${username}\n  password ${accessToken}\n`).join('')
}
