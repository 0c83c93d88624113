import { writeAudit } from '../audit/audit.ts'
import type { Database } from '../database/database.ts'
import { Client } from './client.entity.ts'
import { COMMAND_LINE_ID } from './command-line-id.ts'
import { clientDefaults } from './defaults.ts'

/**
 * Creates the public client that `postern login` uses, if it does not exist. If an operator has changed or revoked it, it
 * stays so.
 *
 * Anyone can start a sign-in with this id and send the code to a user. Therefore it cannot get administrative scopes: `null`
 * is every scope but `admin:*` (docs/adr/0063-sign-in-of-command-lines.md).
 */
export type EnsureCommandLine = () => Promise<void>

export function createCommandLineClient(db: Database): EnsureCommandLine {
  return async () => {
    if (await db.run(em => em.findOne(Client, { id: COMMAND_LINE_ID }, { fields: ['id'] }))) return
    await db
      .transaction(async em => {
        const now = new Date()
        const fixed = { id: COMMAND_LINE_ID, createdAt: now, updatedAt: now }
        const { name, grantTypes } = em.create(Client, { ...clientDefaults(), ...fixed, ...COMMAND_LINE })
        const details = { name, grant_types: grantTypes, scopes: null }
        writeAudit(em, { kind: 'client.created', clientId: COMMAND_LINE_ID, details })
      })
      .catch(error => {
        // Another node created it concurrently.
        if (error.code !== '23505') throw error
      })
  }
}

const COMMAND_LINE = {
  name: 'Postern command line',
  authMethod: 'none',
  // The port of a loopback address is free (RFC 8252 §7.3).
  redirectUris: ['http://127.0.0.1/callback'],
  grantTypes: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
} satisfies Partial<Client>
