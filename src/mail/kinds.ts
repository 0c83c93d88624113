import type { Message } from './message.ts'

/** What happened to the second factors of a user. */
export type FactorChange =
  | 'passkey_added'
  | 'passkey_removed'
  | 'app_added'
  | 'app_removed'
  | 'codes_created'
  | 'code_used'
  | 'reset'

/** The mails that the server sends. */
export interface MailKinds {
  password_reset: { address: string }
  invitation: { user: string }
  email_confirmation: { user: string; email: string }
  email_changed: { user: string; before: string }
  password_changed: { user: string }
  new_device: { user: string; device: string; address: string }
  /** `account`: the service account that owns the token now and that the user looks after; absent: the user owns it. */
  token_handed_over: { user: string; name: string; account?: string | undefined }
  factors_changed: { user: string; change: FactorChange }
  /** To an administrator. `accounts`: names of service accounts. */
  accounts_left: { user: string; accounts: readonly string[] }
  /** `count`: how many within a day. */
  wrong_codes: { user: string; count: number }
  reserved_token: { user: string; name: string; scopes: readonly string[] }
}
export type MailKind = keyof MailKinds

/**
 * Writes the messages of a kind, right before they are sent.
 * @returns none if there is nobody to send it to any more
 */
export type Compose = <K extends MailKind>(kind: K, params: MailKinds[K]) => Promise<Message | undefined>
