import type { Translated } from '../../../text/language.ts'
import type { apps as english } from '../apps.ts'

export const apps: Translated<typeof english> = {
  notices: {
    appWithdrawn: '{app} hat keinen Zugriff mehr.',
    appCreated: '{app} wurde angelegt.',
    appChanged: 'Die App wurde gespeichert.',
    appRevoked: '{app} wurde widerrufen.',
  },
  title: 'Autorisierte Apps',
  label: 'Apps',
  tabs: { authorized: 'Autorisierte Apps', own: 'Eigene Apps' },
  empty:
    'Du hast noch keine App autorisiert. Apps, die du autorisierst, erscheinen hier. Du kannst ihren Zugriff jederzeit widerrufen.',
  may: 'Diese App darf:',
  mayNothing: 'Diese App sieht nur deine Benutzer-ID.',
  authorizedAt: 'Autorisiert',
  used: 'zuletzt verwendet',
  never: 'nie verwendet',
  withdraw: {
    title: 'Zugriff widerrufen',
    link: 'Zugriff widerrufen …',
    question: 'Zugriff von {app} widerrufen?',
    detail:
      'Alle Tokens, die diese App für dein Konto hat, funktionieren sofort nicht mehr. Um die App wieder zu verwenden, musst du sie erneut autorisieren.',
    submit: 'Zugriff widerrufen',
  },
  one: 'App',
  own: {
    title: 'Eigene Apps',
    empty:
      'Du hast noch keine App angelegt. Eine App handelt mit eigenen Tokens für die Personen, die sie autorisieren.',
    new: 'Neue App',
    name: 'Name',
    kind: 'Typ',
    state: 'Status',
    live: 'Aktiv',
    revoked: 'Widerrufen',
    created: 'Angelegt',
    revokedDetail: 'Diese App ist widerrufen. Ihre Tokens funktionieren nicht mehr.',
    change: 'Bearbeiten',
  },
  kinds: { public: 'Öffentlich', confidential: 'Vertraulich' },
  form: {
    name: 'Name',
    nameHint: 'Dieser Name wird angezeigt, wenn jemand die App autorisiert.',
    kind: 'Typ',
    kinds: {
      confidential: 'Vertraulich: läuft auf einem Server und kann ein Geheimnis bewahren',
      public: 'Öffentlich: läuft auf einem Telefon, im Browser oder auf der Kommandozeile',
    },
    redirectUris: 'Redirect-URIs',
    redirectHint:
      'Eine pro Zeile; sie muss genau übereinstimmen. Verwende https, oder http für eine App auf demselben Gerät (localhost).',
    audience: 'Audience',
    audienceHint: 'Nur für einen Resource-Server: die URI der API, zum Beispiel https://orders.example.com.',
    format: 'Token-Format',
    formats: { jwt: 'JWT (offline prüfbar)', opaque: 'Opak (kurz)' },
    grants: 'Grant-Typen',
    grantNames: {
      authorization_code: 'Authorization Code (Anmeldung im Browser)',
      client_credentials: 'Client Credentials (eigene Tokens, für Maschinen)',
      refresh_token: 'Refresh-Tokens (Zugriff ohne erneute Anmeldung)',
      'urn:ietf:params:oauth:grant-type:device_code': 'Device Code (Anmeldung mit einem Code, den ein Gerät anzeigt)',
      'urn:ietf:params:oauth:grant-type:token-exchange': 'Token Exchange (für Tokens mit weniger Rechten)',
    },
    scopes: 'Erlaubte Scopes',
    every: 'Alle Scopes außer admin',
    these: 'Nur diese:',
    removeUnavailable: 'Nicht mehr verfügbar. Zum Entfernen auswählen:',
  },
  create: { title: 'Neue App', submit: 'App anlegen' },
  change: { submit: 'Speichern' },
  cancel: 'Abbrechen',
  secret: {
    title: 'Client-Secret',
    lead: 'Kopiere das Client-Secret von {app} jetzt. Es wird nur einmal angezeigt und lässt sich nicht wiederherstellen.',
    id: 'Client-ID',
    secret: 'Client-Secret',
    copy: 'Kopieren',
    done: 'Fertig',
  },
  rotate: {
    link: 'Secret neu erzeugen …',
    title: 'Secret neu erzeugen',
    heading: 'Client-Secret von {app} neu erzeugen?',
    detail:
      'Das aktuelle Secret kann noch eine Weile gültig bleiben, damit du Zeit hast, es überall zu ersetzen. Ältere Secrets gelten sofort nicht mehr.',
    overlap: 'Aktuelles Secret ungültig',
    overlaps: {
      0: 'Sofort',
      '1h': 'Nach 1 Stunde',
      '1d': 'Nach 1 Tag',
      '7d': 'Nach 7 Tagen',
      '30d': 'Nach 30 Tagen',
    },
    submit: 'Secret neu erzeugen',
  },
  revoke: {
    link: 'App widerrufen …',
    title: 'App widerrufen',
    question: '{app} widerrufen?',
    detail:
      'Alle Tokens der App funktionieren sofort nicht mehr und lassen sich nicht erneuern. Das lässt sich nicht rückgängig machen.',
    submit: 'App widerrufen',
  },
}
