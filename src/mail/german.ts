import type { Translated } from '../text/language.ts'
import type { english } from './english.ts'

/** The texts of all mails in German. */
export const german: Translated<typeof english> = {
  greeting: 'Hallo {name},',
  notYou: 'Wenn du das nicht warst, ändere dein Passwort und gib der Verwaltung von {site} Bescheid.',
  password_reset: {
    subject: 'Dein Passwort für {site} zurücksetzen',
    lead: 'Jemand möchte das Passwort deines Kontos bei {site} zurücksetzen. Verwende diesen Link innerhalb einer Stunde:',
    action: 'Neues Passwort wählen',
    after: 'Wenn du das nicht warst, ignoriere diese E-Mail. Dein Passwort bleibt unverändert.',
  },
  invitation: {
    subject: 'Dein Konto bei {site}',
    lead: 'Die Verwaltung von {site} hat ein Konto für dich angelegt. Wähle innerhalb von sieben Tagen über diesen Link ein Passwort:',
    action: 'Passwort wählen',
    after: 'Du meldest dich mit dieser E-Mail-Adresse an.',
  },
  email_confirmation: {
    subject: 'Bestätige deine E-Mail-Adresse für {site}',
    lead: 'Bestätige innerhalb einer Stunde, dass du diese E-Mail-Adresse für dein Konto bei {site} verwenden willst. Bis dahin behält das Konto seine bisherige Adresse.',
    action: 'Diese Adresse bestätigen',
    after: 'Wenn du kein Konto bei {site} hast, ignoriere diese E-Mail.',
    taken: {
      subject: 'Deine E-Mail-Adresse bei {site}',
      lead: 'Jemand wollte diese E-Mail-Adresse für ein anderes Konto bei {site} verwenden. Sie gehört bereits zu einem Konto; es wurde nichts geändert.',
    },
  },
  email_changed: {
    subject: 'Deine E-Mail-Adresse für {site} wurde geändert',
    lead: 'Die E-Mail-Adresse deines Kontos bei {site} wurde geändert. Diese Adresse gehört nicht mehr dazu.',
    notYou: 'Wenn du das nicht warst, gib der Verwaltung von {site} Bescheid.',
  },
  password_changed: {
    subject: 'Dein Passwort für {site} wurde geändert',
    lead: 'Das Passwort deines Kontos bei {site} wurde geändert.',
  },
  new_device: {
    subject: 'Neue Anmeldung bei {site}',
    lead: 'Mit deinem Konto bei {site} hat sich jemand in einem Browser angemeldet, der bisher nicht verwendet wurde.',
    device: 'Browser: {device}',
    address: 'IP-Adresse: {address}',
  },
  token_handed_over: {
    subject: 'Dir wurde ein Token bei {site} übergeben',
    lead: 'Die Verwaltung hat deinem Konto bei {site} das Token „{token}“ übergeben. Du kannst es unter Tokens sehen und widerrufen.',
    ofAccount:
      'Die Verwaltung hat dem Dienstkonto {account} bei {site}, das du betreust, das Token „{token}“ übergeben. Du kannst es auf der Seite des Dienstkontos sehen und widerrufen.',
    notYou:
      'Ein früherer Besitzer kann eine Kopie behalten haben: Erneuere das Token. Wenn du nicht weißt, was es verwendet, frage die Verwaltung von {site}.',
  },
  factors_changed: {
    passkey_added: {
      subject: 'Passkey bei {site} hinzugefügt',
      lead: 'Deinem Konto bei {site} wurde ein Passkey hinzugefügt. Mit ihm kann man sich anmelden.',
    },
    passkey_removed: {
      subject: 'Passkey bei {site} entfernt',
      lead: 'Ein Passkey deines Kontos bei {site} wurde entfernt.',
    },
    app_added: {
      subject: 'Authenticator-App bei {site} eingerichtet',
      lead: 'Für dein Konto bei {site} wurde eine Authenticator-App eingerichtet.',
    },
    app_removed: {
      subject: 'Authenticator-App bei {site} entfernt',
      lead: 'Die Authenticator-App deines Kontos bei {site} wurde entfernt.',
    },
    codes_created: {
      subject: 'Neue Wiederherstellungscodes bei {site}',
      lead: 'Für dein Konto bei {site} wurden neue Wiederherstellungscodes erstellt. Die alten gelten nicht mehr.',
    },
    code_used: {
      subject: 'Wiederherstellungscode bei {site} verwendet',
      lead: 'Ein Wiederherstellungscode deines Kontos bei {site} wurde verwendet.',
    },
    reset: {
      subject: 'Deine zweiten Faktoren bei {site} wurden zurückgesetzt',
      lead: 'Die Verwaltung hat alle Passkeys, die Authenticator-App und die Wiederherstellungscodes deines Kontos bei {site} entfernt. Melde dich mit deinem Passwort an, um neue einzurichten.',
    },
  },
  accounts_left: {
    subject: 'Dienstkonten ohne Betreuung bei {site}',
    lead: 'Diese Dienstkonten bei {site} betreut niemand mehr: {accounts}. Wer sie als Einziges betreut hat, wurde deaktiviert oder entfernt. Ihre Tokens funktionieren weiterhin.',
    notYou:
      'Trage auf der Seite jedes Kontos jemand anderen als Betreuung ein. Du bekommst diese E-Mail, weil du {site} verwaltest.',
  },
  wrong_codes: {
    subject: 'Falsche Codes für dein Konto bei {site}',
    lead: 'Für dein Konto bei {site} wurden an einem Tag {count} falsche Codes der Authenticator-App oder falsche Wiederherstellungscodes eingegeben. Das kann nur, wer dein Passwort kennt oder einen Browser verwendet, in dem du angemeldet bist.',
    notYou:
      'Wenn du das nicht warst, ändere dein Passwort, was auch alle Sitzungen beendet, und gib der Verwaltung von {site} Bescheid.',
  },
  reserved_token: {
    subject: 'Neues Token mit besonderen Rechten bei {site}',
    lead: 'Für dein Konto bei {site} wurde ein Token namens „{token}“ erstellt. Es darf diese Berechtigungen verwenden: {scopes}.',
    notYou: 'Wenn du das nicht warst, widerrufe das Token unter Tokens und ändere dein Passwort.',
  },
}
