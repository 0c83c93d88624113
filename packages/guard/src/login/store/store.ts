import { createHash, randomUUID } from 'node:crypto'
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { TokenSet } from '../issuer.ts'
import { withLock } from '../lock.ts'
import type { ResolvedLogin } from '../options.ts'
import { type KeyringEntry, systemKeyring } from './keyring.ts'

export type Place = 'keyring' | 'file'

/** A stored sign-in. */
export interface StoredLogin extends TokenSet {
  place: Place
}

/** The stored sign-in of one issuer and client. */
export interface LoginStore {
  /** The file that stores it, or says that the keyring does. */
  readonly file: string
  read(): Promise<StoredLogin | undefined>
  /** @returns where it is stored */
  write(tokens: TokenSet): Promise<Place>
  delete(): Promise<void>
  /** Runs `work` while no other process changes the sign-in. */
  exclusively<T>(work: () => Promise<T>): Promise<T>
}

type Options = Pick<ResolvedLogin, 'issuer' | 'clientId' | 'name' | 'keyring'>

/** The folder of a program's sign-ins. */
export function configFolder(name: string, env: Readonly<Record<string, string | undefined>> = process.env): string {
  if (process.platform === 'win32') return join(env.APPDATA ?? join(homedir(), 'AppData', 'Roaming'), name)
  return join(env.XDG_CONFIG_HOME || join(homedir(), '.config'), name)
}

export function openStore({ issuer, clientId, name, keyring: useKeyring = true }: Options): LoginStore {
  const folder = configFolder(name)
  const id = createHash('sha256').update(`${issuer}\n${clientId}`).digest('hex').slice(0, 16)
  const file = join(folder, `login-${id}.json`)
  const entry: KeyringEntry = { service: name, account: `${clientId} at ${issuer}` }
  const keyring = systemKeyring()

  async function read(): Promise<StoredLogin | undefined> {
    const stored = parse(await readFile(file, 'utf8').catch(ignoreMissing))
    if (stored?.place === 'file') return withDates(stored.tokens, 'file')
    return stored && withDates(parse(await keyring.get(entry)), 'keyring')
  }

  return {
    file,
    read,
    async write(tokens) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const place = useKeyring && (await keyring.set(entry, JSON.stringify(tokens))) ? 'keyring' : 'file'
      const content = { version: 1, issuer, client_id: clientId, place, ...(place === 'file' && { tokens }) }
      await replace(file, JSON.stringify(content))
      return place
    },
    async delete() {
      const stored = parse(await readFile(file, 'utf8').catch(ignoreMissing))
      if (stored?.place === 'keyring') await keyring.delete(entry)
      await rm(file, { force: true })
    },
    async exclusively(work) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      return withLock(`${file}.lock`, work)
    },
  }
}

/** Readable by its owner only, and complete or unchanged if the process or the machine stops. */
async function replace(file: string, content: string): Promise<void> {
  const draft = `${file}.${randomUUID()}`
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await chmod(draft, 0o600)
  await rename(draft, file)
}

// biome-ignore lint/suspicious/noExplicitAny: `withDates` checks what it reads
type Stored = any

/** A file that another program changed counts as missing. */
function parse(text: string | undefined): Stored {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

function withDates(tokens: Stored, place: Place): StoredLogin | undefined {
  const expiresAt = new Date(tokens?.expiresAt)
  if (typeof tokens?.accessToken !== 'string' || Number.isNaN(expiresAt.getTime())) return undefined
  const { accessToken, refreshToken, scopes } = tokens
  return { accessToken, refreshToken, scopes: Array.isArray(scopes) ? scopes : [], expiresAt, place }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
