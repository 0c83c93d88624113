import type { Translated } from '../../../text/language.ts'
import type { clients as english } from '../manage-clients.ts'

export const clients: Translated<typeof english> = {
  title: 'Apps',
  search: 'Name, Client-ID, Audience oder Redirect-URI',
  empty: 'Keine passenden Apps.',
  sort: 'Sortieren nach',
  sorts: { created_at: 'Älteste', '-created_at': 'Neueste', name: 'Name, A bis Z', '-name': 'Name, Z bis A' },
  one: 'App',
  create: {
    title: 'Neue App',
    kind: 'Art der App',
    kinds: {
      web: {
        name: 'Web-App',
        detail: 'Läuft auf einem Server, bewahrt ein Secret und handelt für Leute, die sie autorisieren.',
      },
      native: {
        name: 'Mobile oder Browser-App',
        detail: 'Kann kein Secret bewahren. Leute autorisieren sie in ihrem Browser.',
      },
      device: {
        name: 'Gerät',
        detail: 'Ein Fernseher oder eine Kommandozeile: Leute geben den Code im Browser ein.',
      },
      machine: { name: 'Maschine', detail: 'Bekommt mit ihrem Secret eigene Tokens. Keine Person ist beteiligt.' },
      api: {
        name: 'Resource-Server',
        detail: 'Eine API, die Tokens annimmt. Ihre Audience ist die URI, die sie benennt.',
      },
    },
  },
  name: 'Name',
  owner: 'Besitzer',
  deployment: 'Dieser Server',
  itself: 'Selbst registriert',
  metadataDocument: 'Metadaten-Dokument',
  kind: 'Typ',
  kinds: { public: 'Öffentlich', confidential: 'Vertraulich', personal: 'Eingebaut' },
  state: 'Status',
  live: 'Aktiv',
  revoked: 'Widerrufen',
  since: 'Angelegt',
  id: 'Client-ID',
  website: 'Website',
  logo: 'Logo',
  verify: {
    state: 'Überprüfung',
    not: 'Nicht überprüft',
    link: 'Überprüfen …',
    title: 'App überprüfen',
    question: '{name} als überprüft kennzeichnen?',
    detail:
      'Stelle sicher, dass die App das ist, was ihr Name und ihr Logo sagen. Wer sie autorisiert, sieht, dass sie überprüft ist, mit Logo. Die Überprüfung endet, wenn die App ihren Namen, ihr Logo, ihre Redirect-URIs, ihren Besitzer, ihre Grant-Typen oder ihre Authentifizierung ändert.',
    submit: 'Als überprüft kennzeichnen',
    withdraw: 'Überprüfung zurückziehen',
  },
  redirectUris: 'Redirect-URIs',
  grants: 'Grant-Typen',
  scopes: 'Erlaubte Scopes',
  everyScope: 'Alle Scopes außer admin',
  audience: 'Audience',
  exchangeAudiences: 'Audiences für Token Exchange',
  resources: 'Erlaubte Ressourcen',
  operatorSettings: {
    title: 'Einstellungen des Betreibers',
    exchangeHint:
      'Audiences anderer APIs, eine pro Zeile. Die App kann Tokens, die sie erhält, gegen Tokens für diese APIs tauschen.',
    resourcesHint: 'Audiences von APIs, eine pro Zeile. Die App bekommt eigene Tokens für sie (client_credentials).',
    personal: 'Ihre Tokens dürfen persönliche Zugriffstokens ausstellen und neu erzeugen.',
    pushed: 'Sie muss ihre Autorisierungsanfragen vorab übermitteln (PAR).',
    submit: 'Speichern',
  },
  format: 'Token-Format',
  secrets: 'Secrets',
  secret: { lasting: 'erzeugt {time}', ending: 'erzeugt {time}, läuft ab {end}' },
  tokens: 'Tokens',
  auditLog: 'Audit-Log',
  revoke: {
    title: 'App widerrufen',
    question: '{name} widerrufen?',
    detail:
      'Alle Tokens der App funktionieren sofort nicht mehr und lassen sich nicht erneuern. Das lässt sich nicht rückgängig machen.',
    submit: 'App widerrufen',
  },
}
