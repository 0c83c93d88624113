import type { Translated } from '../../../text/language.ts'
import type { operations as english } from '../operations.ts'

/** Texts of the page that shows a revocation of many tokens in German. */
export const operations: Translated<typeof english> = {
  notices: {
    operationCancelled: {
      one: 'Angehalten. 1 Token wurde widerrufen.',
      other: 'Angehalten. {count} Tokens wurden widerrufen.',
    },
  },
  title: 'Tokens widerrufen',
  status: { running: 'Läuft', succeeded: 'Fertig', failed: 'Fehlgeschlagen', cancelled: 'Angehalten' },
  ofTotal: { one: '{done} von etwa {n} Token widerrufen', other: '{done} von etwa {n} Tokens widerrufen' },
  revoked: { one: '1 Token widerrufen', other: '{n} Tokens widerrufen' },
  detail: {
    running: 'Du kannst diese Seite verlassen. Der Server macht weiter.',
    succeeded: 'Alle sind widerrufen.',
    failed: 'Der Server konnte nicht weitermachen; sein Log nennt den Grund. Beginne neu, um den Rest zu widerrufen.',
    cancelled: 'Widerrufene Tokens bleiben widerrufen. Beginne neu, um den Rest zu widerrufen.',
  },
  stop: 'Anhalten',
  reload: 'Neu laden',
  back: 'Zurück',
}
