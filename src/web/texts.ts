import { account } from './texts/account.ts'
import { apps } from './texts/apps.ts'
import { manage } from './texts/manage.ts'
import { tokens } from './texts/tokens.ts'

/** All texts of the pages. `{name}` is a placeholder. */
export const texts = {
  lang: 'en',
  product: 'Postern',
  skip: 'Skip to content',
  signedInAs: 'Signed in as {name}',
  signOut: 'Sign out',
  nav: {
    label: 'Main',
    tokens: 'Tokens',
    apps: 'Apps',
    manage: 'Administration',
    account: 'Account',
    docs: 'API explorer',
  },
  /** Confirmations that the page after a redirect shows. */
  notices: {
    ...tokens.notices,
    ...account.notices,
    ...apps.notices,
    ...manage.notices,
  },
  /** Names of form fields, as labels and at the start of error messages. */
  fields: {
    name: 'Name',
    email: 'E-mail address',
    password: 'New password',
    password_confirmation: 'Confirm new password',
    current_password: 'Current password',
    expires_at: 'Expiration date',
    scopes: 'Scopes:',
    exchange_audiences: 'Exchange audience',
    resources: 'Resource',
  },
  justNow: { past: 'just now', ahead: 'in less than a minute' },
  copied: 'Copied',
  tokens,
  account,
  apps,
  manage,
  signIn: {
    title: 'Sign in',
    lead: 'to continue to {app}',
    email: 'E-mail address',
    password: 'Password',
    submit: 'Sign in',
    missing: 'Enter your e-mail address and your password.',
    already: 'You are signed in as {name} ({email}). Sign in below to use another account.',
  },
  newPassword: {
    title: 'Choose a new password',
    lead: 'You signed in with a password that was generated for you. Choose your own password to continue.',
    first: 'Choose your own password first: sign in with a browser.',
    same: 'must be different from the current one',
    submit: 'Continue',
  },
  confirm: {
    title: 'Confirm your password',
    lead: 'You signed in a while ago. Enter the password for {email} again to continue.',
    password: 'Your password',
    wrong: 'The password is wrong.',
    submit: 'Continue',
  },
  signedIn: {
    title: 'You are signed in',
    who: 'You are signed in as {name} ({email}).',
    goOn: 'Go to your tokens',
  },
  consent: {
    title: 'Authorize {app}?',
    by: {
      person: 'This app belongs to {name}, a user of {site} whose identity has not been verified.',
      operator: 'This app was added by the operator of {site}.',
      itself: 'This app registered itself. {site} does not know who created it.',
    },
    at: {
      all: 'These permissions apply to every API of {site}.',
      issuer: 'These permissions apply to {site} itself.',
      api: 'These permissions apply to {name} ({uri}).',
      uri: 'These permissions apply to {uri}.',
    },
    lasts: 'Access lasts for up to {access} after your latest authorization. You can revoke it at any time under Apps.',
    asksAgain: {
      always: 'You will be asked again each time.',
      remembered: 'For {remembered}, you will not be asked again for the same permissions.',
    },
    account: 'Signed in as {name} ({email}).',
    other: 'Use another account',
    scopes: 'Allow this app to:',
    untick: 'Uncheck anything you do not want to allow.',
    before: 'You have authorized this app before. Uncheck anything you do not want to allow.',
    isNew: 'New',
    changed:
      'The permissions that this app can request have changed, so your answer was not saved. Review them and answer again.',
    none: 'Select at least one permission, or cancel.',
    noScopes: 'This app requests no permissions. It will only see your user ID.',
    destination: {
      web: 'You will be sent to {place} either way.',
      here: 'You will be sent to an app on this device ({place}) either way.',
    },
    unproved: 'We cannot verify the identity of this app. Authorize it only if you have just started it yourself.',
    approve: 'Authorize',
    deny: 'Cancel',
  },
  device: {
    title: 'Connect a device',
    lead: 'Enter the code shown on your device.',
    userCode: 'Code',
    submit: 'Continue',
    missing: 'Enter the code shown on your device.',
    unknown: 'This code is not valid or has expired. Check it, or start again on your device.',
    code: 'Check that your device shows the code {code}. If it shows a different code, cancel: someone else may have sent you here.',
    done: { approve: 'Device connected', deny: 'Device not connected' },
    back: 'You can close this page and return to your device.',
  },
  error: {
    /** By error code. */
    titles: {
      signed_out: 'You are signed out',
      not_found: 'Page not found',
      forbidden: 'Access denied',
      stale_form: 'This form has expired',
      too_many_attempts: 'Too many attempts',
      temporarily_unavailable: 'Temporarily unavailable',
    } as Readonly<Record<string, string>>,
    title: 'Something went wrong',
    stale: 'This form has expired, so nothing was changed. Check it and submit it again.',
    cookies: 'Your browser sent no cookies. Allow cookies for this site, then submit the form again.',
    again: 'Submit again',
    signIn: 'Sign in',
    adminOnly: 'Only administrators can view this page.',
  },
} as const
