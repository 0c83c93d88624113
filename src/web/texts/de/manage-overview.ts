import type { Translated } from '../../../text/language.ts'
import type { overview as english } from '../manage-overview.ts'

export const overview: Translated<typeof english> = {
  title: 'Verwaltung',
  days: { 30: '30 Tage', 90: '90 Tage' },
  span: 'Zeitraum',
  ahead: 'In {n} Tagen',
  table: 'Als Tabelle anzeigen',
  day: 'Tag',
  highest: 'max. {n}',
  attention: {
    title: 'Braucht Aufmerksamkeit',
    show: 'Anzeigen',
    expiring: {
      one: '{n} Token läuft in den nächsten 7 Tagen ab',
      other: '{n} Tokens laufen in den nächsten 7 Tagen ab',
    },
    idle: {
      one: '{n} aktives Token wurde seit 90 Tagen oder noch nie verwendet',
      other: '{n} aktive Tokens wurden seit 90 Tagen oder noch nie verwendet',
    },
    neverUsed: {
      one: '{n} aktives Token, das vor mehr als 30 Tagen erstellt wurde, wurde noch nie verwendet',
      other: '{n} aktive Tokens, die vor mehr als 30 Tagen erstellt wurden, wurden noch nie verwendet',
    },
    userRefused: {
      one: '{name}: {n} fehlgeschlagene Anmeldung seit gestern',
      other: '{name}: {n} fehlgeschlagene Anmeldungen seit gestern',
    },
    clientRefused: {
      one: '{name} konnte sich seit gestern {n} Mal nicht authentifizieren',
      other: '{name} konnte sich seit gestern {n} Mal nicht authentifizieren',
    },
    reused: {
      one: '{name}: Ein Code oder Refresh-Token wurde seit gestern {n} Mal wiederverwendet',
      other: '{name}: Codes oder Refresh-Tokens wurden seit gestern {n} Mal wiederverwendet',
    },
    operationRunning: 'Tokens werden widerrufen: {progress}',
    operationFailed: 'Widerruf von Tokens fehlgeschlagen: {progress}',
    failedSignIns: { one: '{n} fehlgeschlagene Anmeldung heute', other: '{n} fehlgeschlagene Anmeldungen heute' },
  },
  charts: {
    live: { title: 'Aktive Tokens', detail: 'jetzt {n}', note: 'am Ende jedes Tages' },
    issued: { title: 'Ausgestellte Tokens', detail: 'gesamt {n}', note: 'pro Tag, neue und erneuerte' },
    revoked: { title: 'Widerrufene Tokens', detail: 'gesamt {n}', note: 'pro Tag' },
    expiring: { title: 'Ablaufende Tokens', detail: 'gesamt {n}', note: 'pro Tag, ab jetzt' },
    failedSignIns: { title: 'Fehlgeschlagene Anmeldungen', detail: 'gesamt {n}', note: 'pro Tag' },
  },
  explain:
    'Tage beginnen um Mitternacht UTC. Gelöschte Tokens zählen nicht als aktiv. Die Zahlen können bis zu einer Minute alt sein.',
}
