import { randomInt } from 'node:crypto'
import type { Services } from './services.ts'

const LETTERS = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'
const EMAIL = 'admin@localhost'

export interface FirstAdministrator {
  email: string
  password: string
}

/**
 * Makes an administrator when there are no users yet.
 * @returns what to sign in with, which is nowhere else; undefined when there are users
 */
export async function ensureFirstAdministrator({ users, db }: Services): Promise<FirstAdministrator | undefined> {
  if ((await users.count()) > 0) return undefined
  const password = Array.from({ length: 20 }, () => LETTERS[randomInt(LETTERS.length)]).join('')
  try {
    await users.create({ email: EMAIL, name: 'Administrator', password, role: 'admin', mustChangePassword: true })
  } catch (error) {
    // Another node that started in the same moment made it, and says so.
    if ((await users.count()) > 0 && !db.embedded) return undefined
    throw error
  }
  return { email: EMAIL, password }
}

/** What a start prints; a first one adds how to sign in, and a line that gives a first token. */
export function startMessage(issuer: string, administrator: FirstAdministrator | undefined): string {
  const ready = `\n  Postern is ready at ${issuer}: sign in there, or try the API at ${issuer}/docs\n`
  return administrator ? ready + firstSteps(issuer, administrator) : ready
}

function firstSteps(issuer: string, { email, password }: FirstAdministrator): string {
  const body = JSON.stringify({ email, password, device_name: 'first token' })
  return `
  The first administrator, shown this once; sign in to choose your own:

    e-mail    ${email}
    password  ${password}

  A first token:

    curl -sS ${issuer}/api/tokens -H 'Content-Type: application/json' -d '${body}'

`
}
