import { promisify } from 'node:util'
import { deflate, deflateSync, inflateSync } from 'node:zlib'

/** Statuses of two bits (draft-ietf-oauth-status-list §7.1): 3 is ours, "ask the issuer what it may do now". */
export const STATUS = { valid: 0, revoked: 1, suspended: 2, changed: 3 } as const
export type Status = (typeof STATUS)[keyof typeof STATUS]

/** Bits of one status, and statuses of one byte. */
const BITS = 2
const PER_BYTE = 8 / BITS
/** No list is larger: what inflates beyond is no list. */
const MAX_BYTES = 4_194_304

/** A list with 5 % set takes a thirtieth of the time of level 9, for a sixth more bytes. */
const LEVEL = 4
const deflateAsync = promisify<Uint8Array, { level: number }, Buffer>(deflate)

/** The statuses of one list. Most lists hold few that are not 0, so bytes are taken only when there is one. */
export class StatusBits {
  readonly size: number
  #bytes: Uint8Array | undefined

  constructor(size: number, bytes?: Uint8Array) {
    this.size = size
    this.#bytes = bytes
  }

  get(index: number): Status {
    const byte = this.#bytes?.[Math.floor(index / PER_BYTE)] ?? 0
    return ((byte >> ((index % PER_BYTE) * BITS)) & 3) as Status
  }

  set(index: number, status: Status): void {
    if (index < 0 || index >= this.size || (!this.#bytes && status === STATUS.valid)) return
    this.#bytes ??= new Uint8Array(Math.ceil(this.size / PER_BYTE))
    const at = Math.floor(index / PER_BYTE)
    const shift = (index % PER_BYTE) * BITS
    this.#bytes[at] = ((this.#bytes[at] ?? 0) & ~(3 << shift)) | (status << shift)
  }

  /** Sets revoked again what is revoked in the other list: that has no way back. */
  keepRevoked(other: StatusBits): void {
    const bytes = other.#bytes?.length ?? 0
    for (let at = 0; at < bytes; at++) {
      // Most bytes are 0.
      if (!other.#bytes?.[at]) continue
      for (let index = at * PER_BYTE; index < (at + 1) * PER_BYTE; index++) {
        if (other.get(index) === STATUS.revoked) this.set(index, STATUS.revoked)
      }
    }
  }

  /** Bytes held in memory. */
  get bytes(): number {
    return this.#bytes?.length ?? 0
  }

  /** `lst`: compressed by zlib (RFC 1950), base64url (draft-ietf-oauth-status-list §4.2). */
  encode(): string {
    return deflateSync(this.#all(), { level: LEVEL }).toString('base64url')
  }

  /** As `encode`, as the statuses are now, by a thread beside the event loop. */
  async encodeAsync(): Promise<string> {
    // A copy: the thread reads while statuses go on changing, and would see some of them only.
    return (await deflateAsync(this.#all().slice(), { level: LEVEL })).toString('base64url')
  }

  #all(): Uint8Array {
    return this.#bytes ?? new Uint8Array(Math.ceil(this.size / PER_BYTE))
  }

  /** @throws when it is not a compressed list, or one too large to be ours */
  static decode(lst: string): StatusBits {
    const bytes = inflateSync(Buffer.from(lst, 'base64url'), { maxOutputLength: MAX_BYTES })
    return new StatusBits(bytes.length * PER_BYTE, bytes)
  }
}
