import { type Command, InvalidArgumentError } from 'commander'
import type { Config, ConfigOptions } from '../config/config.ts'
import type { Services } from '../services.ts'
import { examples } from './options.ts'

interface Options {
  resource: string
}

export function mcpCommand(postern: Command): void {
  postern
    .command('mcp')
    .description(
      'Run an issuer for the development of an MCP server (Model Context Protocol), until SIGINT or SIGTERM. It registers the ' +
        'server, lets clients register themselves, and prints how to protect the server and how to add it to a client. ' +
        'Only for this computer: it uses the embedded database and listens on a loopback address.',
    )
    .requiredOption('--resource <url>', 'URL of the MCP endpoint, as clients have it', resourceOption)
    .addHelpText('after', examples('postern mcp --resource http://localhost:8080/mcp'))
    .action(async ({ resource }: Options) => {
      const { loadConfig } = await import('../config/config.ts')
      const { serve } = await import('../server.ts')
      const config = loadConfig(process.env, DEVELOPMENT)
      await assertLocal(config)
      await serve(config, services => introduce(services, resource))
    })
}

/** Clients register themselves, or have a metadata document, which may be on this computer. */
const DEVELOPMENT: ConfigOptions = { dcr: 'open', fetchLoopback: true }

function resourceOption(text: string): string {
  const url = URL.parse(text)
  if (url && /^https?:$/.test(url.protocol) && !/[#\s]/.test(text)) return text
  throw new InvalidArgumentError('It must be an http or https URL without a fragment.')
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/

/** Anybody may register a client at it. @throws StartupError for an issuer that others can reach */
async function assertLocal({ issuer, host, databaseUrl }: Config): Promise<void> {
  const { StartupError } = await import('../errors/errors.ts')
  const refuse = (what: string) => {
    throw new StartupError(`postern mcp is for development: ${what}. For others, run postern serve.`)
  }
  if (databaseUrl !== undefined) refuse('it uses the embedded database, but DATABASE_URL is set')
  if (!LOOPBACK.test(new URL(issuer).hostname)) refuse('ISSUER must be on localhost')
  if (!LOOPBACK.test(host)) refuse('HOST must be a loopback address')
}

/** Registers the server as an API, if it is not registered, and prints what to do with it. */
async function introduce({ clients, resources, config }: Services, resource: string): Promise<void> {
  const registered = await resources.find(resource)
  const audience = registered ?? resource
  if (registered === undefined) await clients.create({ name: new URL(resource).host, audience })
  process.stdout.write(instructions(config.issuer, audience))
}

function instructions(issuer: string, audience: string): string {
  const name = new URL(audience).host.replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-|-$/g, '')
  return `
  Protect the MCP server at ${audience}:

    app.use(mcpGuard({ issuer: '${issuer}', audience: '${audience}' }))

  Add it to a client, by its command or in its configuration:

    claude mcp add --transport http ${name} ${audience}
    ${JSON.stringify({ mcpServers: { [name]: { type: 'http', url: audience } } })}

`
}
