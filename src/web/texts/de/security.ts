import type { Translated } from '../../../text/language.ts'
import type { security as english } from '../security.ts'

/** Texts of the pages of second factors in German. */
export const security: Translated<typeof english> = {
  notices: {
    userFactorsReset: 'Die zweiten Faktoren von {name} wurden zurückgesetzt.',
    passkeyAdded: 'Der Passkey {name} wurde hinzugefügt.',
    passkeyRenamed: 'Der Passkey heißt jetzt {name}.',
    passkeyRemoved: 'Der Passkey wurde entfernt.',
    appAdded: 'Die Authenticator-App wurde eingerichtet.',
    appRemoved: 'Die Authenticator-App wurde entfernt.',
  },
  title: 'Sicherheit',
  lead: 'Ein Passkey oder eine Authenticator-App schützt dein Konto, wenn jemand dein Passwort erfährt.',
  required:
    'Dein Konto braucht einen zweiten Faktor. Füge einen Passkey hinzu oder richte eine Authenticator-App ein, um fortzufahren.',
  first: 'Richte zuerst einen zweiten Faktor ein: Melde dich mit einem Browser an.',
  byProvider:
    'Du meldest dich hier nicht mit einem Passwort an; darum kümmert sich der Anbieter, bei dem du dich anmeldest.',
  manage: 'Passkeys, Authenticator-App und Wiederherstellungscodes verwalten',
  summary: 'Schütze dein Konto mit einem Passkey oder einer Authenticator-App.',
  passkeys: {
    title: 'Passkeys',
    lead: 'Melde dich mit deinem Fingerabdruck, deinem Gesicht oder einer PIN an, ohne dein Passwort.',
    columns: {
      name: 'Name',
      created: 'Erstellt',
      used: 'Zuletzt verwendet',
      rename: 'Umbenennen',
      remove: 'Entfernen',
    },
    never: 'nie',
    rename: 'Umbenennen',
    renameOf: 'Den Passkey {name} umbenennen',
    newName: 'Neuer Name von {name}',
    remove: 'Entfernen',
    removeOf: 'Den Passkey {name} entfernen',
    sure: 'Diesen Passkey entfernen? Du kannst dich mit ihm nicht mehr anmelden.',
    name: 'Name des neuen Passkeys',
    nameHint: 'Damit du ihn später erkennst.',
    add: 'Passkey hinzufügen',
    unavailable: 'Passkeys brauchen eine Adresse mit https und einem Hostnamen.',
  },
  app: {
    title: 'Authenticator-App',
    lead: 'Eine App auf deinem Telefon zeigt einen Code aus sechs Ziffern, den du nach deinem Passwort eingibst.',
    since: 'Eingerichtet',
    setUp: 'Authenticator-App einrichten',
    replace: 'Eine andere App einrichten',
    remove: 'Authenticator-App entfernen',
    sure: 'Die Authenticator-App entfernen? Ihre Codes gelten nicht mehr.',
    scan: 'Scanne diesen Code mit einer Authenticator-App.',
    picture: 'QR-Code für deine Authenticator-App',
    secret: 'Oder gib diesen Schlüssel in der App ein',
    copy: 'Kopieren',
    code: 'Code, den die App zeigt',
    submit: 'Einrichten',
    cancel: 'Abbrechen',
  },
  /** For administrators: of another user. */
  reset: {
    title: 'Zweite Faktoren',
    question: 'Die zweiten Faktoren von {name} ({email}) zurücksetzen?',
    detail:
      'Für jemanden, der sie verloren hat: Entfernt alle Passkeys, die Authenticator-App und die Wiederherstellungscodes und beendet alle Sitzungen. Vergewissere dich, dass wirklich diese Person darum bittet.',
    submit: 'Zweite Faktoren zurücksetzen',
    notSelf: 'Deine eigenen zweiten Faktoren kannst du hier nicht zurücksetzen. Entferne sie unter Konto.',
  },
  codes: {
    title: 'Wiederherstellungscodes',
    lead: 'Wenn du deinen Passkey oder dein Telefon verlierst, kannst du dich mit jedem dieser Codes einmal anmelden.',
    left: {
      one: 'Du hast noch 1 Wiederherstellungscode.',
      other: 'Du hast noch {count} Wiederherstellungscodes.',
    },
    none: 'Du bekommst Wiederherstellungscodes, wenn du einen Passkey hinzufügst oder eine Authenticator-App einrichtest.',
    create: 'Neue Codes erstellen',
    sure: 'Neue Wiederherstellungscodes erstellen? Die alten gelten nicht mehr.',
    once: 'Speichere diese Codes jetzt. Sie werden nur einmal gezeigt.',
    list: 'Deine Wiederherstellungscodes',
    copy: 'Codes kopieren',
    done: 'Ich habe sie gespeichert',
  },
}
