import type { Command } from 'commander'
import { examples, JSON_OPTION, type JsonOption } from './options.ts'
import { printResult, table } from './output.ts'
import { withServices } from './services.ts'

const HOST = ['<host>', 'host name without a port, such as app.example.com'] as const

/** Adds the commands for blocked hosts to `client`. */
export function blockedHostCommands(client: Command): void {
  client
    .command('block-host')
    .description(
      'Block the clients whose metadata document is on a host. All of their tokens stop working immediately.',
    )
    .argument(...HOST)
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern client block-host app.example.com'))
    .action(block)

  client
    .command('unblock-host')
    .description('Let users authorize the clients of a blocked host again. Their earlier tokens stay revoked.')
    .argument(...HOST)
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern client unblock-host app.example.com'))
    .action(unblock)

  client
    .command('blocked-hosts')
    .description('List the blocked hosts, in alphabetical order.')
    .option(...JSON_OPTION)
    .addHelpText('after', examples('postern client blocked-hosts'))
    .action(list)
}

async function block(host: string, { json }: JsonOption): Promise<void> {
  const revoked = await withServices(({ blockedHosts }) => blockedHosts.block(host))
  const clients = `${revoked} ${revoked === 1 ? 'client' : 'clients'}`
  printResult(json, { host, revoked_clients: revoked }, `Blocked ${host} and revoked ${clients}`)
}

async function unblock(host: string, { json }: JsonOption): Promise<void> {
  await withServices(({ blockedHosts }) => blockedHosts.unblock(host))
  printResult(json, { host }, `Unblocked ${host}`)
}

async function list({ json }: JsonOption): Promise<void> {
  const hosts = await withServices(({ blockedHosts }) => blockedHosts.list(), 'read')
  const { toBlockedHost } = await import('../admin/blocked-hosts.ts')
  const rows = hosts.map(({ host, createdAt }) => [host, createdAt.toISOString()])
  printResult(json, { data: hosts.map(toBlockedHost) }, table(['host', 'blocked since'], rows))
}
