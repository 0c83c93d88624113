import type { Database } from '../database/database.ts'
import { Client } from './client.entity.ts'

export const PERSONAL_ACCESS = { name: 'Personal access tokens', authMethod: 'none', personalAccess: true } as const

/** Returns a function that finds the personal access client and creates it on first use. */
export function createPersonalAccess(db: Database, createClient: () => Promise<Client>): () => Promise<Client> {
  let cached: Promise<Client> | undefined
  const existing = () => db.run(em => em.findOne(Client, { personalAccess: true }))

  async function ensure(): Promise<Client> {
    const created = await existing()
    if (created) return created
    // Another node may create it concurrently: the partial unique index allows only one.
    await createClient().catch(error => {
      if (error.code !== '23505') throw error
    })
    return (await existing()) as Client
  }

  return () => {
    cached ??= ensure().catch(error => {
      cached = undefined
      throw error
    })
    return cached
  }
}
