import { failed, ok, warning } from './finding.ts'

/** Milliseconds that clocks may differ. Verifiers allow some seconds for `iat` and `exp`. */
const TOLERATED_MS = 3_000
/** From here on, other nodes and verifiers reject tokens that this one has just issued. */
const TOO_MUCH_MS = 30_000

/**
 * Compares another clock with that of this machine.
 * @param sent when the other clock was asked, by our clock; @param received when its answer arrived
 * @param precisionMs the smallest step of the other clock
 */
export function clockFinding(whose: string, theirs: Date, sent: number, received: number, precisionMs = 1) {
  const [earliest, latest] = [theirs.getTime(), theirs.getTime() + precisionMs]
  const difference = earliest > received ? earliest - received : latest < sent ? latest - sent : 0
  const seconds = Math.round(Math.abs(difference) / 100) / 10
  if (Math.abs(difference) <= TOLERATED_MS) return ok(`The clock of ${whose} agrees with that of this machine.`)
  const message = `The clock of ${whose} is ${seconds} s ${difference > 0 ? 'ahead of' : 'behind'} that of this machine.`
  const remedy = 'Synchronize both clocks (chrony, systemd-timesyncd).'
  return Math.abs(difference) > TOO_MUCH_MS ? failed(message, remedy) : warning(message, remedy)
}
