import { flagOf, SETTINGS } from './settings.ts'

const WIDTH = 24

/** The text of `--help`. @param command the name that the program was started by */
export function helpText(command: string): string {
  const lines = Object.entries(SETTINGS).map(([variable, { about, fallback, isSecret }]) => {
    const flag = isSecret ? `--${flagOf(variable)}-file` : `--${flagOf(variable)}`
    const suffix = fallback === undefined ? '' : ` (${fallback})`
    return `  ${flag.padEnd(WIDTH)}  ${variable.padEnd(WIDTH - 1)} ${about}${suffix}`
  })
  return `Usage: ${command} --issuer <url> [--audience <uri>] [options]

Checks access tokens for a proxy in front of an API: nginx auth_request, Caddy forward_auth, Traefik ForwardAuth, Envoy
ext_authz, HAProxy. It answers GET /check?scopes=a,b from memory, until SIGINT or SIGTERM.

Options, and the environment variables in their place:
${lines.join('\n')}
  ${'-h, --help'.padEnd(WIDTH)}  print this text
  ${'-v, --version'.padEnd(WIDTH)}  print the version

Examples:
  $ ${command} --issuer https://id.example.com --audience https://orders.example.com
  $ CLIENT_ID=… CLIENT_SECRET=… BASIC=on ${command} --issuer https://id.example.com --port 8080
`
}
