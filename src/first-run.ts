import { randomInt } from 'node:crypto'
import type { Config } from './config/config.ts'
import type { Services } from './services.ts'

const LETTERS = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'
const EMAIL = 'admin@localhost'

export interface FirstAdministrator {
  email: string
  password: string
}

/**
 * Creates an administrator when there are no users yet.
 * @returns the credentials, which are not stored anywhere else; undefined when there are users
 */
export async function ensureFirstAdministrator({ users, db }: Services): Promise<FirstAdministrator | undefined> {
  if ((await users.count()) > 0) return undefined
  const password = Array.from({ length: 20 }, () => LETTERS[randomInt(LETTERS.length)]).join('')
  try {
    await users.create({ email: EMAIL, name: 'Administrator', password, role: 'admin', mustChangePassword: true })
  } catch (error) {
    // Another node that started at the same time created it and printed its password.
    if ((await users.count()) > 0 && !db.embedded) return undefined
    throw error
  }
  return { email: EMAIL, password }
}

/** The message at the start. The first one also has the administrator's credentials and a command for a first token. */
export function startMessage(
  { issuer, mfa }: Pick<Config, 'issuer' | 'mfa'>,
  administrator: FirstAdministrator | undefined,
): string {
  const ready = `\n  Postern is ready at ${issuer}. Sign in there, or try the API at ${issuer}/docs\n`
  if (!administrator) return ready
  // With MFA, no password alone gives a token.
  return ready + credentials(administrator) + (mfa === 'optional' ? firstToken(issuer, administrator) : '')
}

const credentials = ({ email, password }: FirstAdministrator) => `
  First administrator (shown only once; sign in and choose your own password):

    e-mail    ${email}
    password  ${password}
`

function firstToken(issuer: string, { email, password }: FirstAdministrator): string {
  const body = JSON.stringify({ email, password, device_name: 'first token' })
  return `
  Create a first token:

    curl -sS ${issuer}/api/tokens -H 'Content-Type: application/json' -d '${body}'

`
}
