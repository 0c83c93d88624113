import { runTool } from '../run.ts'
import type { Keyring, KeyringEntry } from './keyring.ts'

const VAULT = `$ErrorActionPreference = 'Stop'
$null = [Windows.Security.Credentials.PasswordVault, Windows.Security.Credentials, ContentType = WindowsRuntime]
$vault = New-Object Windows.Security.Credentials.PasswordVault
$request = [Console]::In.ReadToEnd() | ConvertFrom-Json`

const SET = `${VAULT}
$vault.Add((New-Object Windows.Security.Credentials.PasswordCredential($request.service, $request.account, $request.secret)))`
const GET = `${VAULT}
$found = $vault.Retrieve($request.service, $request.account)
$found.RetrievePassword()
[Console]::Out.Write($found.Password)`
const DELETE = `${VAULT}
$vault.Remove($vault.Retrieve($request.service, $request.account))`

/** Names and secrets are sent as JSON on standard input, so that nothing of them is part of the script. */
function run(script: string, request: KeyringEntry & { secret?: string }): Promise<string | undefined> {
  const encoded = Buffer.from(script, 'utf16le').toString('base64')
  const args = ['-NoProfile', '-NonInteractive', '-EncodedCommand', encoded]
  // ASCII, since the encoding of the console depends on the system.
  const input = JSON.stringify(request).replaceAll(
    /[^\x20-\x7e]/g,
    c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return runTool('powershell.exe', args, input)
}

/** The Credential Locker of Windows, by Windows PowerShell, which is part of the system. */
export const passwordVault: Keyring = {
  set: async (entry, secret) => (await run(SET, { ...entry, secret })) !== undefined,
  get: entry => run(GET, entry),
  async delete(entry) {
    await run(DELETE, entry)
  },
}
