/** The texts of all mails in English. `{name}` is a placeholder. */
export const english = {
  greeting: 'Hello {name},',
  notYou: 'If this was not you, change your password and tell an administrator of {site}.',
  password_reset: {
    subject: 'Reset your password for {site}',
    lead: 'Someone asked to reset the password of your account at {site}. Use this link within an hour:',
    action: 'Choose a new password',
    after: 'If you did not ask for this, ignore this mail. Your password stays the same.',
  },
  invitation: {
    subject: 'Your account at {site}',
    lead: 'An administrator created an account for you at {site}. Use this link within seven days to choose a password:',
    action: 'Choose a password',
    after: 'You sign in with this e-mail address.',
  },
  email_confirmation: {
    subject: 'Confirm your e-mail address for {site}',
    lead: 'Confirm within an hour that you want to use this e-mail address for your account at {site}. Until then, your account keeps the address that it has.',
    action: 'Confirm this address',
    after: 'If you have no account at {site}, ignore this mail.',
    taken: {
      subject: 'Your e-mail address at {site}',
      lead: 'Someone tried to use this e-mail address for another account at {site}. It belongs to an account already, so nothing was changed.',
    },
  },
  email_changed: {
    subject: 'Your e-mail address for {site} was changed',
    lead: 'The e-mail address of your account at {site} was changed. This address no longer belongs to it.',
    notYou: 'If this was not you, tell an administrator of {site}.',
  },
  password_changed: {
    subject: 'Your password for {site} was changed',
    lead: 'The password of your account at {site} was changed.',
  },
  new_device: {
    subject: 'New sign-in to {site}',
    lead: 'Your account at {site} was used to sign in from a browser that was not used before.',
    device: 'Browser: {device}',
    address: 'IP address: {address}',
  },
  token_handed_over: {
    subject: 'A token at {site} was given to you',
    lead: 'An administrator gave the token named “{token}” to your account at {site}. You can see and revoke it under Tokens.',
    ofAccount:
      'An administrator gave the token named “{token}” to the service account {account} at {site}, which you maintain. You can see and revoke it on the page of the service account.',
    notYou:
      'A former owner may have kept a copy. To make it useless, regenerate the token. If you do not know what uses it, ask an administrator of {site}.',
  },
  factors_changed: {
    passkey_added: {
      subject: 'Passkey added at {site}',
      lead: 'A passkey was added to your account at {site}. It can be used to sign in.',
    },
    passkey_removed: {
      subject: 'Passkey removed at {site}',
      lead: 'A passkey of your account at {site} was removed.',
    },
    app_added: {
      subject: 'Authenticator app set up at {site}',
      lead: 'An authenticator app was set up for your account at {site}.',
    },
    app_removed: {
      subject: 'Authenticator app removed at {site}',
      lead: 'The authenticator app of your account at {site} was removed.',
    },
    codes_created: {
      subject: 'New recovery codes at {site}',
      lead: 'New recovery codes were created for your account at {site}. The old ones do not work any more.',
    },
    code_used: {
      subject: 'Recovery code used at {site}',
      lead: 'A recovery code of your account at {site} was used.',
    },
    reset: {
      subject: 'Your second factors at {site} were reset',
      lead: 'An administrator removed all passkeys, the authenticator app and the recovery codes of your account at {site}. Sign in with your password to set up new ones.',
    },
  },
  accounts_left: {
    subject: 'Service accounts without a maintainer at {site}',
    lead: 'Nobody maintains these service accounts at {site} any more: {accounts}. Their only maintainer was disabled or removed. Their tokens continue to work.',
    notYou: 'Add another maintainer on the page of each account. You get this mail as an administrator of {site}.',
  },
  wrong_codes: {
    subject: 'Wrong codes for your account at {site}',
    lead: 'Within a day, {count} wrong codes of an authenticator app or wrong recovery codes were entered for your account at {site}. Only somebody who knows your password or uses a browser in which you are signed in can enter them.',
    notYou:
      'If this was not you, change your password, which also ends all sessions, and tell an administrator of {site}.',
  },
  reserved_token: {
    subject: 'New token with special permissions at {site}',
    lead: 'A token named “{token}” was created for your account at {site}. It may use these permissions: {scopes}.',
    notYou: 'If this was not you, revoke the token under Tokens and change your password.',
  },
} as const
