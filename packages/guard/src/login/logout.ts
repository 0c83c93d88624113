import { openIssuer } from './issuer.ts'
import { type LoginOptions, resolveOptions } from './options.ts'
import { revokeTokens } from './revoke.ts'
import { openStore } from './store/store.ts'

export interface LogoutOptions extends LoginOptions {
  /** true: delete the stored tokens without revoking them, for an issuer that no longer exists. */
  local?: boolean | undefined
}

/**
 * Revokes the stored sign-in at the issuer, and then deletes it. If the issuer cannot be reached, it is kept, so that it can
 * still be revoked. A token of the environment variable is not changed.
 * @returns false if nobody was signed in
 * @throws LoginError `refused`, `unavailable`
 */
export async function logout({ local = false, ...options }: LogoutOptions): Promise<boolean> {
  const resolved = resolveOptions('logout', options)
  const store = openStore(resolved)
  return store.exclusively(async () => {
    const stored = await store.read()
    if (stored && !local) await revokeTokens(await openIssuer(resolved.issuer), resolved, stored)
    await store.delete()
    return stored !== undefined
  })
}
