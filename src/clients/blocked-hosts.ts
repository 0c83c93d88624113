import { writeAudit } from '../audit/audit.ts'
import { createCache } from '../cluster/cache.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { takeLock } from '../database/locks.ts'
import { invalid, notFound } from '../errors/errors.ts'
import { BlockedHost } from './blocked-host.entity.ts'
import { Client } from './client.entity.ts'
import { type ClientRevocation, revokeInTransaction } from './revoke.ts'

/** Hosts whose metadata documents name no clients. */
export interface BlockedHosts {
  /** Whether a host is blocked, from memory. */
  has(host: string): boolean | Promise<boolean>
  /** Every blocked host, in alphabetical order. */
  list(): Promise<BlockedHost[]>
  /**
   * Refuses new authorizations of the clients of a host, and every token that they have. Blocking twice continues what was
   * interrupted.
   * @param text a host name, in any letter case
   * @returns how many clients were revoked
   * @throws 422 for what is no host name
   */
  block(text: string): Promise<number>
  /**
   * Lets users authorize the clients of a host again. What they had before stays revoked.
   * @throws 404 if it is not blocked
   */
  unblock(text: string): Promise<void>
}

export interface BlockedHostsOptions {
  db: Database
  bus: InvalidationBus
  revocation: ClientRevocation
}

export function createBlockedHosts({ db, bus, revocation }: BlockedHostsOptions): BlockedHosts {
  const cached = createCache<{ hosts: ReadonlySet<string> }>({
    bus,
    load: async () => ({ hosts: new Set((await readAll(db)).map(({ host }) => host)) }),
    clearsAll: change => change.kind === 'blocked_hosts',
  })

  /** A transaction for each, so that their tokens' status events are not written in one. */
  async function revokeClient(id: string): Promise<boolean> {
    return bus.transaction(async (em, publish) => {
      const client = await revokeInTransaction({ em, publish, revocation }, id)
      if (client) client.hostBlocked = true
      return client !== undefined
    })
  }

  /** What it had before stays revoked: its tokens were refused by the state of the client, which changes now. */
  async function restoreClient(id: string): Promise<void> {
    const tokens = () => bus.transaction((em, publish) => revocation.revokeTokens(em, publish, { client: id }))
    const refreshTokens = () => db.transaction(em => revocation.revokeRefreshTokens(em, { client: id }))
    for (const batch of [tokens, refreshTokens]) while (!(await batch()).last);
    await bus.transaction(async (em, publish) => {
      await em.nativeUpdate(Client, { id, hostBlocked: true }, { hostBlocked: false, revoked: false })
      publish({ kind: 'client', id }, 'nothing')
    })
  }

  return {
    has(host) {
      const all = cached('all')
      return all instanceof Promise ? all.then(found => found?.hosts.has(host) ?? false) : all.hosts.has(host)
    },

    list: () => readAll(db),

    async block(text) {
      const host = readHost(text)
      await bus.transaction(async (em, publish) => {
        // Consents to its clients end before, and their clients are found below, or see that it is blocked.
        await takeLock(em, 'blockedHosts')
        const [added] = await em.execute(
          'insert into oauth_blocked_hosts (host, created_at) values (?, ?) on conflict do nothing returning host',
          [host, new Date()],
        )
        if (added) writeAudit(em, { kind: 'client.host_blocked', details: { host } })
        publish({ kind: 'blocked_hosts' })
      })
      let revoked = 0
      for (const id of await clientsOf(db, host, false)) if (await revokeClient(id)) revoked++
      return revoked
    },

    async unblock(text) {
      const host = readHost(text)
      if (!(await db.run(em => em.findOne(BlockedHost, { host })))) throw notFound('blocked host')
      for (const id of await clientsOf(db, host, true)) await restoreClient(id)
      await bus.transaction(async (em, publish) => {
        if ((await em.nativeDelete(BlockedHost, { host })) === 0) return
        writeAudit(em, { kind: 'client.host_unblocked', details: { host } })
        publish({ kind: 'blocked_hosts' })
      })
    },
  }
}

const readAll = (db: Database) => db.run(em => em.find(BlockedHost, {}, { orderBy: { host: 'asc' } }))

/** No port, path or user: a name, or an IPv6 address in brackets. */
const HOST_NAME = /^(?:[^\s/?#@:\\[\]]+|\[[\da-f:.]+\])$/i
const MAX_LENGTH = 255

/** The host of a URL has the same form, so the two can be compared. */
function readHost(text: string): string {
  const name = text.trim()
  const host = HOST_NAME.test(name) ? URL.parse(`https://${name}/`)?.hostname : undefined
  if (host && host.length <= MAX_LENGTH) return host
  throw invalid({ path: 'host', message: 'must be a host name without a port, such as app.example.com' })
}

/** @returns the ids of the clients of a host, by their metadata documents */
async function clientsOf(db: Database, host: string, blocked: boolean): Promise<string[]> {
  const rows = await db.query<{ id: string; url: string }>(
    `select id, metadata_url as url from oauth_clients
     where metadata_url is not null and host_blocked = ? and revoked = ? and position(? in metadata_url) > 0`,
    [blocked, blocked, host],
  )
  return rows.filter(({ url }) => new URL(url).hostname === host).map(({ id }) => id)
}
