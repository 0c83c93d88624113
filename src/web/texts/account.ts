/** The page where people change who they are, and see where they are signed in. */
export const account = {
  notices: {
    accountChanged: 'Your account is changed.',
    passwordChanged: 'Your password is changed. You are signed out everywhere but here; your tokens stay as they are.',
    sessionEnded: 'That browser is signed out.',
  },
  title: 'Account',
  who: {
    title: 'Who you are',
    name: 'Name',
    email: 'E-mail address',
    password: 'Current password',
    passwordHint: 'Needed only for another e-mail address.',
    save: 'Save',
  },
  password: {
    title: 'Password',
    hint: 'Changing it signs you out everywhere but here.',
    current: 'Current password',
    next: 'New password',
    nextHint: 'At least {count} characters.',
    again: 'New password once more',
    save: 'Change the password',
    differ: 'The new password and its repetition differ.',
  },
  sessions: {
    title: 'Where you are signed in',
    columns: { device: 'Device', address: 'Address', seen: 'Last seen', since: 'Signed in', end: 'Sign out' },
    here: 'this browser',
    unknown: 'Unknown',
    on: '{browser} on {system}',
    end: 'Sign out',
    endOf: 'Sign out {device}, last seen {when}',
    all: 'Sign out everywhere',
    sure: 'Sign out everywhere, here too?',
    allHint: 'This signs out this browser too. Your tokens stay as they are; revoke them on their page.',
  },
} as const
