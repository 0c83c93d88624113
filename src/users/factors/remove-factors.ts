import type { Em } from '../../database/database.ts'
import { AuthenticatorApp } from './authenticator-app.entity.ts'
import { Passkey } from './passkey.entity.ts'
import { RecoveryCode } from './recovery-code.entity.ts'

/** Removes the passkeys, the authenticator app and the recovery codes of a user. */
export async function removeFactors(em: Em, user: string): Promise<void> {
  await em.nativeDelete(Passkey, { user })
  await em.nativeDelete(AuthenticatorApp, { user })
  await em.nativeDelete(RecoveryCode, { user })
}
