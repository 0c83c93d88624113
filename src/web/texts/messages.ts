/**
 * Error messages of the API as the pages say them, where the API speaks in its own names. Messages that are missing here are
 * shown as they are. `{name}` is a placeholder; a text that begins with a small letter continues a sentence that begins with
 * the name of the field.
 */
export const messages: Readonly<Record<string, string>> = {
  'There is no such client.': 'There is no such app.',
  'The client has been revoked.': 'The app has been revoked.',
  'The client or its logo has changed since you looked at it. Look at it again.':
    'The app or its logo has changed since you opened this page. This is what it is now: check it again before you verify it.',
  'The client does not authenticate with a secret.': 'The app does not use a secret.',
  'You have {limit} apps, which is as many as one user may have. {remedy}':
    'You have {limit} apps, which is as many as one user may have. Revoke one that is no longer used, or ask an administrator.',
  'You have {limit} live personal access tokens, which is as many as one user may have. {remedy}':
    'You have {limit} active tokens, which is as many as one user may have. Revoke some that are no longer used, or ask an administrator.',
  'must be one of {values}': 'Choose one of the options.',
  'must have at least one scope': 'Select at least one scope.',
  'is already registered for another client, as {audience}': 'is already the audience of another app, as {audience}',
  'is already registered for another client': 'is already the audience of another app',
  'a public client cannot use client_credentials: it has no credentials':
    'A public app cannot get tokens of its own: it has no secret.',
  'authorization_code needs at least one redirect URI': 'Enter at least one redirect URI: people return there.',
  'refresh_token needs a grant that issues refresh tokens: authorization_code or device_code':
    'For refresh tokens, people must be able to sign in: in a browser or with a device code.',
  'private_key_jwt needs the public keys of the client':
    'The app signs with a private key, so it needs its public keys.',
  'a public client cannot be a resource server, which must authenticate':
    'A public app cannot be a resource server, which needs a secret.',
  'a public client cannot exchange tokens, since it does not authenticate':
    'A public app cannot exchange tokens: it has no secret.',
  'only operators can allow client_credentials': 'Only operators can let an app get tokens of its own.',
  'only operators can register a resource server': 'Only operators can register a resource server.',
  'only operators can allow this': 'Only operators can allow this.',
  '{scopes}: only operators can allow this scope': 'Only operators can allow {scopes}.',
  '{scopes}: only administrators can have this scope': 'Only administrators can have {scopes}.',
  '{scopes}: only for the role admin': 'The role does not allow {scopes}.',
  '{scope}: a trust cannot grant it': 'A trust cannot grant {scope}.',
  '{scope}: the app is not allowed this scope': 'The app is not allowed {scope}.',
  '{scopes}: the owner of the token is not allowed this scope; an administrator decides that':
    'The owner of the token is not allowed {scopes}. An administrator decides that.',
  '{scopes}: belongs to another API; the token is only for {where}':
    'The token is only for {where}, but another API needs {scopes}.',
  'is not a scope: "{id}". There are {scopes}': 'There is no scope “{id}”.',
  'is not a registered API. Register it first: postern client create --name NAME --audience URI':
    'is not a registered API. Ask an administrator to register it.',
  'cannot be combined with user_id': 'Enter a user or an app, not both.',
  'or client_id must name an active user or app': 'Enter an active user or app.',
  'is not the id of an enabled user': 'must be an active user',
  'is not the id of a user or a service account': 'must be a user or a service account',
  'must be {least} to {most} seconds': 'must be 1 to 60 minutes',
  'must name at least one person': 'must be an active user',
}
