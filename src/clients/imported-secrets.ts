import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import { createLimit } from '../security/limit.ts'
import { hashSecret } from '../security/secrets.ts'
import { isKnownHash, matchesHash } from '../users/password-hashes.ts'
import type { Client, ClientSecret } from './client.entity.ts'
import { isLive } from './secrets.ts'

/**
 * Compares a secret with the hashes by bcrypt that were imported with a client. The one that matches is replaced by its
 * SHA-256, as all other secrets are stored.
 * @returns the stored secret that matches
 */
export type MatchImportedSecret = (client: Client, secret: string) => Promise<ClientSecret | undefined>

/** bcrypt occupies a thread for a tenth of a second or more, so a flood of wrong secrets must not occupy all of them. */
const MAX_RUNNING = 2
const MAX_WAITING = 50

const REPLACE = `
  update oauth_clients set secrets = ?::jsonb where id = ? and secrets = ?::jsonb returning id`

export function createMatchImportedSecret(bus: InvalidationBus): MatchImportedSecret {
  const limited = createLimit(MAX_RUNNING, MAX_WAITING)

  async function replace({ id, secrets }: Client, match: ClientSecret, text: string): Promise<ClientSecret> {
    const { bcrypt: _, ...rest } = match
    const hashed = { ...rest, hash: hashSecret(text).toString('hex') }
    const next = secrets.map(secret => (secret === match ? hashed : secret))
    await bus.transaction(async (em, publish) => {
      const replaced = await em.execute(REPLACE, [JSON.stringify(next), id, JSON.stringify(secrets)])
      if (replaced.length > 0) publish({ kind: 'client', id }, 'nothing')
    })
    return hashed
  }

  return async (client, text) => {
    for (const secret of client.secrets) {
      const { bcrypt } = secret
      if (bcrypt === undefined || !isKnownHash(bcrypt) || !isLive(secret)) continue
      if (!(await limited(() => matchesHash(bcrypt, text)))) continue
      return replace(client, secret, text)
    }
    return undefined
  }
}
