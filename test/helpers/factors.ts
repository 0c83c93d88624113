import type { LightMyRequestResponse } from 'fastify'
import type { Services } from '../../src/services.ts'
import { stepOf, totp } from '../../src/users/factors/totp.ts'
import type { SignedIn } from '../../src/users/sessions.ts'
import type { User } from '../../src/users/user.entity.ts'
import { Authenticator } from './authenticator.ts'
import { type Browser, formOf } from './browser.ts'

/** A session of a user that no browser has. */
export async function sessionOf({ sessions, users, factors }: Services, { id }: User): Promise<SignedIn> {
  const user = await users.find(id)
  const methods = (await factors.has(id)) ? ['otp'] : ['pwd']
  const device = { address: '192.0.2.1', userAgent: 'x', newDevice: undefined, methods }
  return (await sessions.find(await sessions.create(user, device))) as SignedIn
}

export const secretOf = (uri: string): Buffer => {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const text = new URL(uri).searchParams.get('secret') as string
  const bits = [...text].map(letter => letters.indexOf(letter).toString(2).padStart(5, '0')).join('')
  return Buffer.from((bits.match(/.{8}/g) ?? []).map(byte => Number.parseInt(byte, 2)))
}

/** The code that an app shows. @param later steps */
export const codeOf = (secret: Buffer, later = 0): string => totp(secret, stepOf(Date.now()) + later)

/** A code that is certainly wrong. */
export const wrongCode = (secret: Buffer): string => {
  const right = [-2, -1, 0, 1, 2].map(later => codeOf(secret, later))
  return ['000000', '111111', '222222', '333333', '444444', '555555'].find(code => !right.includes(code)) as string
}

export interface App {
  secret: Buffer
  recoveryCodes: string[]
  /** A code that is accepted, however many were used before. */
  code(): Promise<string>
}

/** Sets up an authenticator app for a user. */
export async function withApp(services: Services, user: User): Promise<App> {
  const by = await sessionOf(services, user)
  const { sealed, uri } = await services.factors.apps.begin(by)
  const secret = secretOf(uri)
  const recoveryCodes = (await services.factors.apps.add(by, sealed, codeOf(secret))) ?? []
  await services.sessions.endAll(user.id)
  return {
    secret,
    recoveryCodes,
    async code() {
      await services.db.query('update authenticator_apps set last_step = 0 where user_id = ?', [user.id])
      return codeOf(secret)
    },
  }
}

/** Adds a passkey for a user. */
export async function withPasskey(
  services: Services,
  user: User,
  passkey = new Authenticator(),
): Promise<Authenticator> {
  const by = await sessionOf(services, user)
  const { passkeys } = services.factors
  const { options, sealed } = (await passkeys?.beginAdding(by)) ?? { options: {}, sealed: '' }
  await passkeys?.add(by, { sealed, credential: passkey.create(JSON.stringify(options)) }, 'Phone')
  await services.sessions.endAll(user.id)
  return passkey
}

/** The options that a page gives to its script. */
export function optionsIn({ body }: LightMyRequestResponse): string {
  const [, text = ''] = /data-options="([^"]*)"/.exec(body) ?? []
  return text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&')
}

/** Signs in by password and a code. */
export async function signInWithCode(browser: Browser, user: User, code: string): Promise<LightMyRequestResponse> {
  await browser.signIn(user)
  return browser.submit(await browser.get('/login/second-step'), { code }, /second-step$/)
}

/** The form of a page whose action fits, with its fields. */
export const fieldsOf = (page: LightMyRequestResponse, action: RegExp) => formOf(page.body, action)
