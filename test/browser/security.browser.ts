import assert from 'node:assert/strict'
import { after } from 'node:test'
import { newUser } from '../helpers/app.ts'
import { codeOf, secretOf } from '../helpers/factors.ts'
import { listeningIssuer } from '../helpers/issuer.ts'
import { PROFILES, walk } from './profiles.ts'
import type { Visitor } from './visitor.ts'

const teardowns: (() => unknown)[] = []
after(async () => {
  for (const work of teardowns.reverse()) await work()
})

/** An address has no passkeys, so the issuer is called by a name. */
const site = await listeningIssuer({ teardown: work => teardowns.push(work) }, { mfa: 'admins' }, 'localhost')
const { services, issuer } = site

/** A device that keeps passkeys and knows its user, in Chromium (WebAuthn Level 3 §11). */
async function withPasskeys({ page }: Visitor) {
  const session = await page.context().newCDPSession(page)
  await session.send('WebAuthn.enable')
  const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  /** Whether the user is there, and touches it as soon as it is asked. */
  return (enabled: boolean) => session.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled })
}

/** Beside other walks, the virtual device sometimes does not answer. A person would try it again. */
async function arrivesAtApps({ page }: Visitor, attempt: () => Promise<unknown>): Promise<void> {
  for (let triesLeft = 2; ; triesLeft--) {
    await attempt()
    try {
      return await page.waitForURL(({ pathname }) => pathname === '/apps', { timeout: 8_000 })
    } catch (error) {
      if (triesLeft === 0) throw error
    }
  }
}

const WITH_SCRIPT = PROFILES.filter(({ script }) => script)
/** Beside other walks, the virtual device does not always answer a request that was made by the keyboard. */
const BY_MOUSE = WITH_SCRIPT.filter(({ hand }) => hand === 'mouse')

walk(
  'somebody sets up an authenticator app, and signs in with its code',
  async visitor => {
    const user = await newUser(services)
    await visitor.goto('/account')
    await visitor.signIn(user)
    await visitor.go('Manage passkeys, authenticator app and recovery codes')
    await visitor.checkPage('security')
    await visitor.go('Set up an authenticator app')
    await visitor.checkPage('authenticator-app')
    const typed = (await visitor.reads('Or enter this key in the app')).replaceAll(' ', '')
    const secret = secretOf(`otpauth://totp/x?secret=${typed}`)
    await visitor.fill('Code that the app shows', '000000')
    await visitor.go('Set up')
    await visitor.sees('The code is wrong')
    await visitor.checkPage('authenticator-app-refused')
    await visitor.fill('Code that the app shows', codeOf(secret))
    await visitor.go('Set up')
    await visitor.sees('Save these codes now. They are shown only once.')
    const recovery = (await visitor.page.locator('#codes').innerText()).split('\n')[0] as string
    await visitor.go('I have saved them')
    await visitor.sees('You have 10 recovery codes left.')
    await visitor.go('Sign out')
    await visitor.goto('/apps')
    await visitor.signIn(user)
    await visitor.checkPage('second-step')
    await visitor.fill('Code from your authenticator app', 'x')
    await visitor.go('Continue')
    await visitor.sees('The code is wrong')
    await visitor.fill('Code from your authenticator app', codeOf(secret, 1))
    await visitor.go('Continue')
    assert.equal(new URL(visitor.page.url()).pathname, '/apps')
    await services.db.query(
      `update sessions set created_at = created_at - interval '1 hour', proved_at = null where user_id = ?`,
      [user.id],
    )
    await visitor.goto('/account/security')
    await visitor.go('Create new codes')
    await visitor.checkPage('confirm-factor')
    await visitor.fill('Code from your authenticator app', recovery)
    await visitor.go('Continue')
    await visitor.sees('Save these codes now. They are shown only once.')
  },
  PROFILES,
  issuer,
)

walk(
  'somebody adds a passkey, and signs in with it alone, after a password, and to confirm',
  async visitor => {
    const user = await newUser(services)
    const setPresent = await withPasskeys(visitor)
    const { page } = visitor
    await visitor.goto('/account/security')
    await visitor.signIn(user)
    await visitor.fill('Name of the new passkey', 'This device')
    await visitor.go('Add a passkey')
    await visitor.checkPage('recovery-codes')
    await visitor.go('I have saved them')
    await visitor.sees('This device')
    await visitor.checkPage('security-passkey')
    await visitor.press('Add a passkey')
    await visitor.sees('This device already has a passkey for your account.')
    // A device decides when a request arrives whether its user is there, so it is set before each request.
    await setPresent(false)
    await visitor.go('Sign out')
    await setPresent(true)
    // The browser offers the passkey in the field for the address, and this user takes it.
    await arrivesAtApps(visitor, () => page.goto(`${issuer}/login?next=/apps`))
    await setPresent(false)
    await visitor.go('Sign out')
    await visitor.goto('/login?next=/apps')
    await visitor.checkPage('sign-in-passkey')
    await setPresent(true)
    await arrivesAtApps(visitor, () => visitor.press('Sign in with a passkey'))
    await setPresent(false)
    await visitor.go('Sign out')
    await visitor.goto('/login?next=/account/security')
    await visitor.signIn(user)
    await setPresent(true)
    await visitor.checkPage('second-step-passkey')
    await visitor.go('Use a passkey')
    assert.equal(new URL(page.url()).pathname, '/account/security')
    await services.db.query(
      `update sessions set created_at = created_at - interval '1 hour', proved_at = null where user_id = ?`,
      [user.id],
    )
    await page.locator('summary').press('Enter')
    await visitor.fill('New name of This device', 'Laptop')
    await visitor.checkPage('rename-passkey')
    await visitor.go('Rename')
    await visitor.checkPage('confirm-passkey')
    await visitor.go('Use a passkey')
    await visitor.sees('The passkey is called Laptop now.')
    await visitor.go('Remove the passkey Laptop')
    await visitor.sees('The passkey was removed.')
  },
  BY_MOUSE,
  issuer,
)

walk(
  'an administrator who needs a second factor sets one up first',
  async visitor => {
    await visitor.goto('/manage')
    await visitor.signIn(await newUser(services, 'admin'))
    await visitor.sees('Your account needs a second factor.')
    await visitor.checkPage('security-required')
  },
  PROFILES.filter(({ axe }) => axe),
  issuer,
)
