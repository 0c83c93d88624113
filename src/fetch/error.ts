/** Why a document was not fetched. Only `busy` says nothing about the document: try again. */
export type FetchFailure = 'url' | 'address' | 'connection' | 'timeout' | 'response' | 'busy'

/** A document of somebody else that could not be fetched. The message is safe to show: it contains nothing of the response. */
export class FetchError extends Error {
  readonly reason: FetchFailure

  constructor(reason: FetchFailure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'FetchError'
    this.reason = reason
  }
}
