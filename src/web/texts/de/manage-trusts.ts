import type { Translated } from '../../../text/language.ts'
import type { trusts as english } from '../manage-trusts.ts'

export const trusts: Translated<typeof english> = {
  title: 'Vertrauenswürdige Workloads',
  lead: 'Build-Jobs und andere Workloads tauschen das OpenID-Connect-Token ihres Ausstellers gegen ein Token. Sie speichern kein Geheimnis.',
  empty: 'Noch keinem Workload wird vertraut.',
  add: 'Regel anlegen',
  name: 'Name',
  nameHint: 'Standard: der Wert des ersten Claims.',
  issuer: 'Aussteller',
  issuerHint: 'Zum Beispiel https://token.actions.githubusercontent.com oder https://gitlab.com.',
  jwksUri: 'Schlüsselsatz (JWKS)',
  jwksUriHint: 'Nur für einen Aussteller ohne Discovery.',
  audience: 'Audience',
  audienceHint: 'Standard: der Aussteller dieses Servers.',
  match: 'Verlangte Claims',
  matchHint:
    'Einer pro Zeile: Claim=Wert. * steht für beliebige Zeichen außer einem Doppelpunkt. Alle müssen zutreffen.',
  pin: 'Festgelegte Claims',
  pinHint:
    'Namen von Claims, einer pro Zeile. Ihre Werte werden bei der ersten Verwendung festgelegt, etwa repository_id.',
  pinned: 'Festgelegte Werte',
  notPinned: 'Noch nicht verwendet',
  owner: 'Erhält Tokens von',
  user: 'Benutzer: E-Mail-Adresse',
  client: 'oder App: Client-ID',
  ownerHint: 'Fülle eines der beiden Felder aus.',
  scopes: 'Berechtigungen',
  lifetime: 'Lebensdauer eines Tokens, in Minuten',
  minutes: '{n} Minuten',
  created: 'Angelegt',
  auditLog: 'Audit-Log',
  edit: {
    title: 'Regel bearbeiten',
    hint: 'Wenn du mehr als den Namen änderst, werden die Tokens widerrufen, die mit dieser Regel ausgestellt wurden.',
    submit: 'Speichern',
    outdated:
      'Die Regel wurde geändert, nachdem du diese Seite geöffnet hast. Dies sind ihre jetzigen Werte; gib deine Änderung noch einmal ein.',
  },
  remove: {
    link: 'Regel entfernen …',
    title: 'Regel entfernen',
    question: 'Regel {name} entfernen?',
    detail: 'Der Workload erhält keine Tokens mehr, und die bereits ausgestellten funktionieren sofort nicht mehr.',
    submit: 'Regel entfernen',
  },
}
