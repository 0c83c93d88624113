import { hkdfSync, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StartupError } from '../errors/errors.ts'
import { createFolder } from './folder.ts'
import { folderProblem } from './folder-problem.ts'

const BASE64 = /^[\w+/-]+={0,2}$/
/** Minimum length of APP_KEY in bytes. */
export const SHORTEST_APP_KEY = 32

/** @returns the bytes of the key; undefined when the text is not a valid key. Accepts base64 and base64url. */
export function appKeyBytes(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return BASE64.test(text) && bytes.length >= SHORTEST_APP_KEY ? bytes : undefined
}

/** Derives a 32-byte secret for one purpose from the bytes of APP_KEY (HKDF, RFC 5869). */
export const deriveKey = (appKey: string, purpose: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', Buffer.from(appKey, 'base64'), '', purpose, 32))

export interface LoadAppKeyOptions {
  databaseUrl: string | undefined
  dataDir: string
  /** false: writes nothing. If there is no key, it returns a random one that is not stored. */
  create: boolean
}

/**
 * Loads the key of an embedded database from its data directory, or creates it there, readable by its owner only. With
 * DATABASE_URL there is no such file: APP_KEY must be set to the same value on all nodes.
 * @throws StartupError when APP_KEY is required but not set, or the file cannot be read or written
 */
export function loadOrCreateAppKey({ databaseUrl, dataDir, create }: LoadAppKeyOptions): string {
  if (databaseUrl)
    throw new StartupError(
      'APP_KEY is required with DATABASE_URL. Set the key that this database was created with, or for a new one the output ' +
        `of: openssl rand -base64 ${SHORTEST_APP_KEY}`,
    )
  if (!create) return readStoredAppKey(dataDir) ?? randomBytes(SHORTEST_APP_KEY).toString('base64')
  const file = appKeyFile(dataDir)
  try {
    createFolder(dataDir)
    if (!existsSync(file)) createKeyFile(file)
    return readAppKey(file)
  } catch (error) {
    if (error instanceof StartupError) throw error
    throw folderProblem(dataDir, error)
  }
}

/** The path of the key file of an embedded database. */
export const appKeyFile = (dataDir: string) => join(dataDir, 'app.key')

/**
 * Reads the stored key of an embedded database.
 * @returns the key in padded base64; undefined when there is none
 * @throws StartupError when the file cannot be read or does not contain a valid key
 */
export function readStoredAppKey(dataDir: string): string | undefined {
  const file = appKeyFile(dataDir)
  try {
    return readAppKey(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (error instanceof StartupError) throw error
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new StartupError(`The key in ${file} cannot be read (${code}).`, error)
  }
}

function readAppKey(file: string): string {
  const bytes = appKeyBytes(readFileSync(file, 'utf8').trim())
  if (bytes) return bytes.toString('base64')
  throw new StartupError(`The key in ${file} must be at least ${SHORTEST_APP_KEY} random bytes in base64.`)
}

function createKeyFile(file: string): void {
  try {
    writeFileSync(file, `${randomBytes(SHORTEST_APP_KEY).toString('base64')}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    // Another process created it at the same time: only one of the two can lock the database, and both use the same key.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    // On a full disk the file is created but stays empty, and the next start would fail to read it as a key.
    rmSync(file, { force: true })
    throw error
  }
}
