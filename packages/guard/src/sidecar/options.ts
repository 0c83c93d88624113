import type { RemoteOptions } from '../remote/options.ts'
import type { Basic } from './credential.ts'
import type { Log } from './log.ts'

/** The options of a sidecar: how it reaches the issuer, and what it accepts. */
export interface SidecarOptions extends RemoteOptions {
  /** Whether the token is also accepted as the password of HTTP Basic. Default `off`. */
  basic?: Basic
  /**
   * The resource identifier of the API, a URL. With it a 401 names the URL of the API's metadata (RFC 9728 §5.1), which the
   * sidecar serves.
   */
  resource?: string
  log: Log
}
