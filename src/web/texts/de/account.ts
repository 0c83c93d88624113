import type { Translated } from '../../../text/language.ts'
import type { account as english } from '../account.ts'

export const account: Translated<typeof english> = {
  notices: {
    profileChanged: 'Dein Profil wurde gespeichert.',
    emailRequested:
      'Wir haben einen Link an {email} geschickt. Die Adresse ändert sich, sobald du sie damit bestätigst.',
    emailConfirmed: 'Deine E-Mail-Adresse wurde geändert.',
    passwordChosen: 'Dein Passwort wurde gespeichert. Melde dich damit an.',
    passwordChanged:
      'Dein Passwort wurde geändert. Du bist nur noch in diesem Browser angemeldet. Deine Tokens funktionieren weiter.',
    sessionEnded: 'Der andere Browser wurde abgemeldet.',
  },
  title: 'Konto',
  profile: {
    title: 'Profil',
    name: 'Name',
    email: 'E-Mail-Adresse',
    password: 'Aktuelles Passwort',
    fromApplication: 'Du bist {name}. Name, Adresse und Passwort verwaltet die Anwendung, aus der du kommst.',
    fromProvider: 'Deine Adresse kommt von dem Anbieter, bei dem du dich anmeldest.',
    passwordHint: 'Nur nötig, wenn du die E-Mail-Adresse änderst.',
    save: 'Speichern',
  },
  password: {
    title: 'Passwort',
    hint: 'Wenn du dein Passwort änderst, wirst du überall außer in diesem Browser abgemeldet.',
    current: 'Aktuelles Passwort',
    next: 'Neues Passwort',
    nextHint: 'Mindestens {count} Zeichen.',
    again: 'Neues Passwort bestätigen',
    save: 'Passwort ändern',
    differ: 'Die Passwörter stimmen nicht überein.',
  },
  language: {
    title: 'Sprache',
    label: 'Sprache der Seiten und E-Mails',
    automatic: 'Wie im Browser eingestellt',
    save: 'Sprache speichern',
  },
  sessions: {
    title: 'Angemeldete Browser',
    columns: {
      device: 'Gerät',
      address: 'IP-Adresse',
      seen: 'Zuletzt aktiv',
      since: 'Angemeldet',
      end: 'Abmelden',
    },
    here: 'Dieser Browser',
    unknown: 'Unbekannt',
    on: '{browser} unter {system}',
    end: 'Abmelden',
    endOf: '{device} abmelden, zuletzt aktiv {when}',
    all: 'Überall abmelden',
    sure: 'Überall abmelden, auch in diesem Browser?',
    allHint:
      'Damit meldest du auch diesen Browser ab. Deine Tokens funktionieren weiter; widerrufen kannst du sie unter Tokens.',
  },
}
