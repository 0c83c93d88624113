import type { Translated } from '../../../text/language.ts'
import type { serviceAccounts as english } from '../service-accounts.ts'

export const serviceAccounts: Translated<typeof english> = {
  title: 'Dienstkonten',
  explain:
    'Besitzer von Tokens, die keine Personen sind, etwa ein Build-Server. Diese betreust du zusammen mit anderen.',
  lead: 'Tokens dieses Dienstkontos gehören keiner Person. Sie funktionieren weiter, wenn du gehst.',
  name: 'Name',
  description: 'Zweck',
  liveTokens: 'Aktive Tokens',
  maintainers: 'Betreut von',
  disabled: 'Dieses Dienstkonto ist deaktiviert. Seine Tokens funktionieren nicht, bis die Verwaltung es aktiviert.',
  disabledBadge: 'Deaktiviert',
  none: 'Du betreust keine Dienstkonten. Die Verwaltung legt sie an.',
  noTokens: 'Dieses Dienstkonto hat noch keine Tokens.',
  back: 'Dienstkonten, die du betreust',
}
