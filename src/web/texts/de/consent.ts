import type { Translated } from '../../../text/language.ts'
import type { consent as english } from '../consent.ts'

export const consent: Translated<typeof english> = {
  title: '{app} autorisieren?',
  by: {
    user: 'Diese App gehört {name}, einem Konto bei {site}, dessen Identität nicht geprüft wurde.',
    operator: 'Diese App wurde vom Betreiber von {site} hinzugefügt.',
    explorer: 'Das ist der API-Explorer von {site}.',
    verified: 'Der Betreiber von {site} hat diese App überprüft.',
    client: 'Diese App hat sich selbst registriert. {site} weiß nicht, wer sie erstellt hat.',
  },
  selfAsserted: {
    local: 'App auf deinem Computer autorisieren?',
    name: 'Die App nennt sich {name}. {site} hat diesen Namen nicht geprüft.',
    publisher: 'Diese App wird von {host} veröffentlicht.',
    document: 'Diese App wird von {host} veröffentlicht. Autorisiere sie nur, wenn du {host} vertraust.',
    runsHere: 'Diese App läuft auf deinem Computer. Autorisiere sie nur, wenn du sie gerade selbst gestartet hast.',
  },
  at: {
    all: 'Diese Berechtigungen gelten für alle APIs von {site}.',
    issuer: 'Diese Berechtigungen gelten für {site} selbst.',
    api: 'Diese Berechtigungen gelten für {name} ({uri}).',
    uri: 'Diese Berechtigungen gelten für {uri}.',
  },
  duration:
    'Der Zugriff endet spätestens nach {access} ab deiner letzten Autorisierung. Du kannst ihn jederzeit unter Apps widerrufen.',
  accessFor: {
    legend: 'Für wie lange?',
    choices: { 3600: '1 Stunde', 86400: '1 Tag', 2592000: '30 Tage' },
    note: 'Danach muss die App erneut fragen. Du kannst den Zugriff jederzeit unter Apps widerrufen.',
  },
  askAgain: {
    always: 'Du wirst jedes Mal erneut gefragt.',
    remembered: 'Nach denselben Berechtigungen wirst du nicht erneut gefragt; das gilt für {remembered}.',
  },
  facts: { app: 'App', account: 'Konto', apis: 'Zugriff auf', answer: 'Danach' },
  verified: 'Überprüft',
  account: 'Angemeldet als {name} ({email}).',
  other: 'Anderes Konto verwenden',
  scopes: 'Dieser App erlauben:',
  uncheck: 'Entferne die Häkchen bei allem, was du nicht erlauben willst.',
  authorizedBefore:
    'Du hast diese App schon einmal autorisiert. Entferne die Häkchen bei allem, was du nicht erlauben willst.',
  isNew: 'Neu',
  clientChanged:
    'Die App hat ihren Namen, ihre Adressen oder ihre Schlüssel geändert; deine Antwort wurde nicht gespeichert. Prüfe die Angaben und antworte noch einmal.',
  changed:
    'Die Berechtigungen, die diese App anfragen darf, haben sich geändert; deine Antwort wurde nicht gespeichert. Prüfe sie und antworte noch einmal.',
  none: 'Wähle mindestens eine Berechtigung aus, oder brich ab.',
  noScopes: 'Diese App fragt keine Berechtigungen an. Sie sieht nur deine Benutzer-ID.',
  destination: {
    web: 'In jedem Fall geht es danach zu {place}.',
    here: 'In jedem Fall geht es danach zu einer App auf diesem Gerät ({place}).',
  },
  impersonable:
    'Ein anderes Programm kann sich als diese App ausgeben. Autorisiere sie nur, wenn du sie gerade selbst gestartet hast.',
  unverified:
    'Wir können die Identität dieser App nicht prüfen. Autorisiere sie nur, wenn du sie gerade selbst gestartet hast.',
  approve: 'Autorisieren',
  deny: 'Abbrechen',
}
