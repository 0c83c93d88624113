import { hkdfSync, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StartupError } from '../errors/errors.ts'
import { createFolder } from './folder.ts'
import { folderProblem } from './folder-problem.ts'

const BASE64 = /^[\w+/-]+={0,2}$/
/** Bytes. */
export const SHORTEST_APP_KEY = 32

/** @returns the key's bytes; undefined when the text is no key. base64 and base64url are read alike. */
export function appKeyBytes(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return BASE64.test(text) && bytes.length >= SHORTEST_APP_KEY ? bytes : undefined
}

/** A secret of 32 bytes for one purpose, derived from the bytes of APP_KEY (HKDF, RFC 5869). */
export const deriveKey = (appKey: string, purpose: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', Buffer.from(appKey, 'base64'), '', purpose, 32))

export interface LoadAppKeyOptions {
  databaseUrl: string | undefined
  dataDir: string
  /** false: nothing is written. Where there is no key, a random one is returned that nobody keeps. */
  create: boolean
}

/**
 * The embedded database has its key beside it, made once and readable to its owner alone; a shared one must be given
 * the key that its nodes share.
 * @throws StartupError when there must be one and is none, or it cannot be read or written
 */
export function loadOrCreateAppKey({ databaseUrl, dataDir, create }: LoadAppKeyOptions): string {
  if (databaseUrl)
    throw new StartupError(`APP_KEY is required with DATABASE_URL: openssl rand -base64 ${SHORTEST_APP_KEY}`)
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

/** Where the key of an embedded database is. */
export const appKeyFile = (dataDir: string) => join(dataDir, 'app.key')

/**
 * @returns the key beside an embedded database, in padded base64; undefined where there is none
 * @throws StartupError when it cannot be read, or is no key
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
    // Another process made it in the same moment: one of the two gets the database, and both have one key.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    // On a full disk the file is created and stays empty, and the next start would take it for a key.
    rmSync(file, { force: true })
    throw error
  }
}
