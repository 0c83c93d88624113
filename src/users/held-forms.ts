import type { Database } from '../database/database.ts'
import { decryptUnder, encryptUnder } from '../security/encrypt.ts'
import { hashSecret } from '../security/secrets.ts'
import { Session } from './session.entity.ts'

/** Forms of signed-in users who confirm who they are at a provider, one for each session, encrypted with its text. */
export interface HeldForms {
  /** @param text of the session @param form a JSON value */
  hold(text: string, form: object): Promise<void>
  /** @returns undefined if there is none, or it is older than ten minutes */
  find<T extends object>(text: string): Promise<T | undefined>
}

const PURPOSE = 'postern held form'
const LIFETIME_MS = 600_000

export const createHeldForms = (db: Database): HeldForms => ({
  async hold(text, form) {
    const heldForm = await encryptUnder(text, PURPOSE, { form, until: Date.now() + LIFETIME_MS })
    await db.run(em => em.nativeUpdate(Session, { hash: hashSecret(text) }, { heldForm }))
  },
  async find<T>(text: string) {
    const session = await db.run(em => em.findOne(Session, { hash: hashSecret(text) }))
    if (!session?.heldForm) return undefined
    const { form, until } = await decryptUnder<{ form: T; until: number }>(text, PURPOSE, session.heldForm)
    return until > Date.now() ? form : undefined
  },
})
