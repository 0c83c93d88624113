/** Texts of the page that asks for access. */
export const consent = {
  title: 'Authorize {app}?',
  by: {
    user: 'This app belongs to {name}, a user of {site} whose identity has not been verified.',
    operator: 'This app was added by the operator of {site}.',
    explorer: 'This is the API explorer of {site}.',
    verified: 'The operator of {site} has verified this app.',
    client: 'This app registered itself. {site} does not know who created it.',
  },
  /** Of an app that says by itself who it is. */
  selfAsserted: {
    local: 'Authorize an app on your computer?',
    name: 'The app calls itself {name}. {site} has not checked this name.',
    publisher: 'This app is published by {host}.',
    document: 'This app is published by {host}. Authorize it only if you trust {host}.',
    runsHere: 'This app runs on your computer. Authorize it only if you have just started it yourself.',
  },
  at: {
    all: 'These permissions apply to every API of {site}.',
    issuer: 'These permissions apply to {site} itself.',
    api: 'These permissions apply to {name} ({uri}).',
    uri: 'These permissions apply to {uri}.',
  },
  duration:
    'Access lasts for up to {access} after your latest authorization. You can revoke it at any time under Apps.',
  accessFor: {
    legend: 'For how long?',
    choices: { 3600: '1 hour', 86400: '1 day', 2592000: '30 days' } as Readonly<Record<number, string>>,
    note: 'After that, the app has to ask again. You can revoke access at any time under Apps.',
  },
  askAgain: {
    always: 'You will be asked again each time.',
    remembered: 'For {remembered}, you will not be asked again for the same permissions.',
  },
  facts: { app: 'App', account: 'Account', apis: 'Access to', answer: 'Afterwards' },
  verified: 'Verified',
  account: 'Signed in as {name} ({email}).',
  other: 'Use another account',
  scopes: 'Allow this app to:',
  uncheck: 'Uncheck anything you do not want to allow.',
  authorizedBefore: 'You have authorized this app before. Uncheck anything you do not want to allow.',
  isNew: 'New',
  clientChanged:
    'The app has changed its name, its addresses or its keys, so your answer was not saved. Review it and answer again.',
  changed:
    'The permissions that this app can request have changed, so your answer was not saved. Review them and answer again.',
  none: 'Select at least one permission, or cancel.',
  noScopes: 'This app requests no permissions. It will only see your user ID.',
  destination: {
    web: 'You will be sent to {place} either way.',
    here: 'You will be sent to an app on this device ({place}) either way.',
  },
  impersonable: 'Another program can use the name of this app. Authorize it only if you have just started it yourself.',
  unverified: 'We cannot verify the identity of this app. Authorize it only if you have just started it yourself.',
  approve: 'Authorize',
  deny: 'Cancel',
} as const
