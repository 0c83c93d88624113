import { account } from './texts/account.ts'
import { apps } from './texts/apps.ts'
import { manage } from './texts/manage.ts'
import { tokens } from './texts/tokens.ts'

/** Every word that people read on the pages. `{name}` stands for what is put in. */
export const texts = {
  lang: 'en',
  product: 'Postern',
  skip: 'Skip to the content',
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
  /** Said on the next page, of what was just done. */
  notices: {
    ...tokens.notices,
    ...account.notices,
    ...apps.notices,
    ...manage.notices,
  },
  /** What errors call the fields of a form. */
  fields: {
    name: 'The name',
    email: 'The e-mail address',
    password: 'The new password',
    password_confirmation: 'The repeated password',
    current_password: 'The current password',
    expires_at: 'The end',
    scopes: 'The choice of scopes:',
    exchange_audiences: 'An audience to exchange for',
    resources: 'A resource',
  },
  justNow: { past: 'just now', ahead: 'in less than a minute' },
  copied: 'Copied',
  tokens,
  account,
  apps,
  manage,
  signIn: {
    title: 'Sign in',
    lead: 'to go on to {app}',
    email: 'E-mail address',
    password: 'Password',
    submit: 'Sign in',
    missing: 'Give both your e-mail address and your password.',
    already: 'You are signed in as {name} ({email}). You can sign in as somebody else here.',
  },
  newPassword: {
    title: 'Choose a password',
    lead: 'You signed in with a password that was made for you. Choose one of your own before you go on.',
    first: 'Choose a password of your own first: sign in at the pages.',
    same: 'must be another one',
    submit: 'Go on',
  },
  confirm: {
    title: 'Your password, please',
    lead: 'You signed in some time ago, and this needs to be you. Give the password of {email} again.',
    password: 'Your password',
    wrong: 'That is not your password.',
    submit: 'Go on',
  },
  signedIn: {
    title: 'You are signed in',
    who: 'You are signed in as {name} ({email}).',
    goOn: 'Go to your tokens',
  },
  consent: {
    title: 'Let {app} in?',
    by: {
      person: 'An app by {name}, a user of {site}. Nobody has checked who that is.',
      operator: 'An app that the operator of {site} added.',
      itself: 'An app that registered itself. Nobody at {site} knows who made it.',
    },
    at: {
      all: 'It would use these at every API of {site}.',
      issuer: 'It would use these at {site} itself.',
      api: 'It would use these at {name} ({uri}).',
      uri: 'It would use these at {uri}.',
    },
    lasts: 'It would have access for up to {access} after it was last let in, unless you take that back under Apps.',
    asksAgain: {
      always: 'It asks you each time.',
      remembered: 'For {remembered} it need not ask you again for the same.',
    },
    account: 'It would act for your account, {name} ({email}).',
    other: 'Use another account',
    scopes: 'It asks to:',
    untick: 'Untick what it may not do.',
    before: 'You let it in before. Untick what it may not do.',
    isNew: 'new',
    changed: 'What the app may ask for has changed, so nothing was decided. Check it and answer again.',
    none: 'Leave at least one permission ticked, or do not let it in.',
    noScopes: 'It asks for no permission, and learns only the id of your account.',
    destination: {
      web: 'Whatever you answer, you go on to {place}.',
      here: 'Whatever you answer, you go on to an app on this device ({place}).',
    },
    unproved: 'This app cannot prove that it is what it says. Let it in only if you have just started it yourself.',
    approve: 'Let it in',
    deny: 'Do not let it in',
  },
  device: {
    title: 'Let a device in',
    lead: 'Type the code that the device shows you.',
    userCode: 'Code',
    submit: 'Go on',
    missing: 'Type the code that the device shows you.',
    unknown:
      'No device waits under this code. Compare it with the device, or start again there: codes do not live long.',
    code: 'The device shows the code {code}. If it shows another one, somebody else sent you here: do not let it in.',
    done: { approve: 'The device is let in', deny: 'The device is not let in' },
    back: 'You can close this page and go back to the device.',
  },
  error: {
    /** By the code of the error. */
    titles: {
      signed_out: 'You are signed out',
      not_found: 'There is nothing here',
      forbidden: 'You may not do this',
      stale_form: 'This form is out of date',
      too_many_attempts: 'Too many attempts',
      temporarily_unavailable: 'Not possible right now',
      internal_error: 'Something went wrong',
    } as Readonly<Record<string, string>>,
    title: 'This does not work',
    stale: 'This form was out of date, so nothing was changed. Check it and send it again.',
    cookies: 'This needs cookies, and your browser sent none. Allow cookies for this site, then send the form again.',
    again: 'Send it again',
    signIn: 'Sign in',
    adminOnly: 'Only an administrator may see this.',
  },
} as const
