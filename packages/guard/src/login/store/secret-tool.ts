import { runTool } from '../run.ts'
import type { Keyring, KeyringEntry } from './keyring.ts'

const attributes = ({ service, account }: KeyringEntry) => ['service', service, 'account', account]

/** The Secret Service of a Linux desktop (GNOME Keyring, KWallet), by `secret-tool` of libsecret. */
export const secretTool: Keyring = {
  async set(entry, secret) {
    const label = `--label=${entry.service}: ${entry.account}`
    return (await runTool('secret-tool', ['store', label, ...attributes(entry)], secret)) !== undefined
  },
  get: entry => runTool('secret-tool', ['lookup', ...attributes(entry)]),
  async delete(entry) {
    await runTool('secret-tool', ['clear', ...attributes(entry)])
  },
}
