import { checkedText, text } from './kind.ts'

/** A name that pages and mails show. */
export const siteName = text(
  checkedText(value => value.trim() === value && value.length <= 64 && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(value)),
  'at most 64 visible characters in one line, without blanks around them',
)

/** A colour in hexadecimal form. */
export const color = text(
  checkedText(value => /^#[0-9a-f]{6}$/i.test(value)),
  'a colour such as #3451d1',
)
