import { splitHosts } from '../config/database-hosts.ts'

/** The servers of a URL, of which one is the primary. */
export interface Hosts {
  readonly count: number
  /** The URL of the server to connect to. */
  readonly current: string
  /** Reports that a connection to this server failed, or that it is a standby: the next one is tried. */
  reportFailure(url: string): void
}

/** @param url a URL for which `splitHosts` returns a list */
export function createHosts(url: string): Hosts {
  const urls = splitHosts(url) ?? [url]
  let index = 0
  return {
    count: urls.length,
    get current() {
      return urls[index] as string
    },
    reportFailure(failed) {
      // Several connections may fail at once; only the first of them moves on.
      if (failed === urls[index]) index = (index + 1) % urls.length
    },
  }
}
