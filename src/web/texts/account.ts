/** Texts of the account page: profile, password and sessions. */
export const account = {
  notices: {
    accountChanged: 'Your profile was updated.',
    passwordChanged:
      'Your password was changed. You are signed out everywhere except in this browser. Your tokens still work.',
    sessionEnded: 'The other browser was signed out.',
  },
  title: 'Account',
  who: {
    title: 'Profile',
    name: 'Name',
    email: 'E-mail address',
    password: 'Current password',
    passwordHint: 'Required to change your e-mail address.',
    save: 'Save',
  },
  password: {
    title: 'Password',
    hint: 'Changing your password signs you out everywhere except in this browser.',
    current: 'Current password',
    next: 'New password',
    nextHint: 'At least {count} characters.',
    again: 'Confirm new password',
    save: 'Change password',
    differ: 'The passwords do not match.',
  },
  sessions: {
    title: 'Where you are signed in',
    columns: { device: 'Device', address: 'IP address', seen: 'Last seen', since: 'Signed in', end: 'Sign out' },
    here: 'This browser',
    unknown: 'Unknown',
    on: '{browser} on {system}',
    end: 'Sign out',
    endOf: 'Sign out {device}, last seen {when}',
    all: 'Sign out everywhere',
    sure: 'Sign out everywhere, including this browser?',
    allHint: 'This also signs out this browser. Your tokens still work; you can revoke them under Tokens.',
  },
} as const
