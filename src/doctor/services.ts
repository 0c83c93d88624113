import { Redis } from 'ioredis'
import pg from 'pg'
import { CHANNEL } from '../cluster/invalidation-bus.ts'
import { createLoopbackCheck } from '../cluster/loopback-check.ts'
import type { Config } from '../config/config.ts'
import { splitHosts } from '../config/database-hosts.ts'
import type { Database } from '../database/database.ts'
import { createSmtp } from '../mail/smtp.ts'
import { createProviderClient } from '../oidc/provider.ts'
import { type Check, failed, ok, reasonOf, skipped } from './finding.ts'

const HEARD_MS = 3_000

/** Whether notifications that are sent through the pool arrive on the listening connection. */
export function listenCheck({ listenUrl }: Config, db: Database | undefined): Check {
  return {
    name: 'notifications',
    remedy: 'Check DATABASE_LISTEN_URL, and that PostgreSQL accepts connections from this machine.',
    async run() {
      if (!listenUrl || db?.embedded) return skipped('The database is embedded.')
      if (!db) return skipped('The database could not be opened.')
      const loopback = createLoopbackCheck(db)
      const client = await connectToAny(splitHosts(listenUrl) ?? [])
      try {
        client.on('notification', ({ channel, payload }) => {
          if (channel === loopback.channel) loopback.receive(payload)
        })
        await client.query(`listen ${CHANNEL}; listen ${loopback.channel}`)
        const outcome = await loopback.run(HEARD_MS)
        if (outcome === 'received') return ok('Notifications of other nodes arrive.')
        return failed(
          'Notifications that are sent through DATABASE_URL do not arrive on DATABASE_LISTEN_URL.',
          DIRECTLY,
        )
      } finally {
        await client.end().catch(() => {})
      }
    },
  }
}

const DIRECTLY = 'Set DATABASE_LISTEN_URL to the same database, directly or through a pooler in session mode.'

/** A connection to the first server that accepts writes, as the server's listener uses. */
async function connectToAny(urls: string[]): Promise<pg.Client> {
  let reason: unknown
  for (const connectionString of urls) {
    const client = new pg.Client({ connectionString, connectionTimeoutMillis: HEARD_MS })
    client.on('error', () => {})
    try {
      await client.connect()
      const { rows } = await client.query('select pg_is_in_recovery() as standby')
      if (!rows[0].standby) return client
      reason = new Error('the server is a standby')
    } catch (error) {
      reason = error
    }
    await client.end().catch(() => {})
  }
  throw reason
}

/** Whether the mail server greets and lets us in. No mail is sent. */
export function mailCheck({ smtpUrl, mailFrom, issuer }: Config): Check {
  return {
    name: 'mail',
    remedy: 'Check SMTP_URL: host, port, TLS, user and password.',
    async run() {
      if (!smtpUrl || !mailFrom) return skipped('SMTP_URL is not set: no mail is sent.')
      const smtp = createSmtp({ smtpUrl, mailFrom, site: new URL(issuer).host })
      try {
        await smtp.verify()
        return ok(`The mail server at ${new URL(smtpUrl).host} lets us in.`)
      } finally {
        smtp.close()
      }
    },
  }
}

/** Whether each OpenID provider publishes its metadata. */
export function oidcCheck({ oidc }: Config): Check {
  return {
    name: 'oidc',
    remedy: '',
    async run() {
      if (oidc.length === 0) return skipped('OIDC_ISSUER is not set.')
      return Promise.all(
        oidc.map(async provider => {
          const { issuer, label } = provider
          try {
            const keys = await createProviderClient(provider).jwksUri()
            return ok(`${label} publishes its metadata, with the keys at ${keys.href}.`)
          } catch (error) {
            const remedy = 'Set OIDC_ISSUER exactly as the provider spells it, and check that this machine reaches it.'
            return failed(`The metadata of ${issuer} cannot be read: ${reasonOf(error)}`, remedy)
          }
        }),
      )
    },
  }
}

/** Whether Redis responds. */
export function redisCheck({ redisUrl }: Config): Check {
  return {
    name: 'redis',
    remedy: 'Check REDIS_URL. Without Redis, each node counts limits by itself.',
    async run() {
      if (!redisUrl) return skipped('REDIS_URL is not set: each node counts limits by itself.')
      const redis = new Redis(redisUrl, { lazyConnect: true, connectTimeout: HEARD_MS, retryStrategy: () => null })
      const broken = Promise.withResolvers<never>()
      // The reason of a failed connection; the promises of commands only say that it is closed.
      redis.on('error', broken.reject)
      try {
        await Promise.race([redis.connect().then(() => redis.ping()), broken.promise])
        return ok(`Redis at ${new URL(redisUrl).host} responds.`)
      } finally {
        broken.promise.catch(() => {})
        redis.disconnect()
      }
    },
  }
}
