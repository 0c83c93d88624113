import { text } from 'node:stream/consumers'
import { Command, Option } from 'commander'
import type { HelperContext } from './credentials/helper.ts'
import { isPlainHost } from './credentials/plain-host.ts'
import { UsageError } from './errors.ts'
import { examples } from './options.ts'
import { type SignInOptions, toLoginOptions, withSignInOptions } from './sign-in-options.ts'

const TOOLS = ['header', 'netrc', 'git', 'docker', 'kubectl', 'npm', 'cargo'] as const
type Tool = (typeof TOOLS)[number]

interface TokenForOptions extends SignInOptions {
  for: Tool
  host?: string[]
  username: string
}

const NAME = 'token-for'
/** The only argument that cargo gives a credential provider. */
const CARGO_PLUGIN = '--cargo-plugin'

/**
 * The words of a command line for Commander: `token --for docker list` is a command of its own, since its operation would be
 * taken for the subcommand `token list`.
 */
export function withTokenFor(words: readonly string[]): readonly string[] {
  const [first, ...rest] = words
  if (first === CARGO_PLUGIN) return [NAME, '--for', 'cargo', ...rest]
  const isTokenFor = first === 'token' && rest[0]?.startsWith('-') && rest.some(word => /^--for(=|$)/.test(word))
  return isTokenFor ? [NAME, ...rest] : words
}

export const TOKEN_FOR_HELP = `
Token of the signed-in user, for other tools (see postern login):
  token --for <tool> [--host <host>] [operation]   tool: ${TOOLS.join(', ')}`

export function tokenForCommand(postern: Command): void {
  withOptions(postern.command(NAME, { hidden: true }))
    .description(
      'Print the access token of the signed-in user as another tool reads it. It is refreshed before it expires.',
    )
    .addOption(new Option('--for <tool>', 'tool that reads the output').choices(TOOLS).makeOptionMandatory())
    .argument('[operation]', 'what the tool asks for, such as get')
    .addHelpText(
      'after',
      examples(
        'curl -H "$(postern token --for header)" https://api.example.com/orders',
        "git config --global credential.https://git.example.com.helper '!postern token --for git --host git.example.com'",
        'postern token --for npm --host npm.example.com >> ~/.npmrc',
      ),
    )
    .action(run)
}

const withOptions = (command: Command): Command =>
  withSignInOptions(command)
    .option(
      '--host <host>',
      'host that the token may be sent to, with its port; repeatable (default: the issuer)',
      collect,
    )
    .option('--username <name>', 'user name for tools that need one', 'oauth2')

const collect = (host: string, hosts: string[] = []) => [...hosts, host]

async function run(operation: string | undefined, options: TokenForOptions): Promise<void> {
  const context = await contextOf(operation, options)
  if (options.for === 'cargo') {
    const { cargo } = await import('./credentials/cargo.ts')
    return cargo(words => (words.length > 0 ? contextOf(undefined, parseOptions(words)) : context))
  }
  process.stdout.write(await (await load(options.for))(context))
}

/** The options that cargo sends with each request, from its configuration. @throws UsageError */
function parseOptions(words: readonly string[]): Omit<TokenForOptions, 'for'> {
  const command = withOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
  return command.parse(words, { from: 'user' }).opts()
}

async function load(tool: Exclude<Tool, 'cargo'>) {
  if (tool === 'header') return (await import('./credentials/header.ts')).header
  if (tool === 'netrc') return (await import('./credentials/netrc.ts')).netrc
  if (tool === 'git') return (await import('./credentials/git.ts')).git
  if (tool === 'docker') return (await import('./credentials/docker.ts')).docker
  if (tool === 'kubectl') return (await import('./credentials/kubectl.ts')).kubectl
  return (await import('./credentials/npm.ts')).npm
}

async function contextOf(operation: string | undefined, options: Omit<TokenForOptions, 'for'>): Promise<HelperContext> {
  const { getAccessToken } = await import('../../packages/guard/src/login/index.ts')
  const { createHosts } = await import('./credentials/helper.ts')
  const login = toLoginOptions(options)
  const hosts = options.host?.map(readHost) ?? [new URL(login.issuer).host]
  if (!/^[\w.@+-]+$/.test(options.username)) throw new UsageError('--username may not contain spaces.')
  return {
    operation,
    input: () => text(process.stdin),
    token: rejected => getAccessToken({ ...login, rejected }),
    hosts: createHosts(hosts),
    username: options.username,
    env: process.env,
  }
}

function readHost(text: string): string {
  const url = URL.parse(`https://${text}`)
  if (url && isPlainHost(text)) return url.host
  throw new UsageError(`${text} is not a host. Write it without scheme and path.`)
}
