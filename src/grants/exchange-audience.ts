import { isMeantFor } from '../../packages/guard/src/audience.ts'
import type { Token } from '../../packages/guard/src/token.ts'
import type { Client } from '../clients/client.entity.ts'
import { invalidTarget } from '../errors/protocol.ts'
import { type AudienceConfig, audienceOf, isMeantForResourceServer, resourcesOf } from '../tokens/audience.ts'
import type { Inspect } from '../tokens/inspect.ts'
import { refusalReason } from '../tokens/records.ts'
import type { Targets } from '../tokens/target.ts'

/** Which tokens a client may exchange for tokens of other audiences (RFC 8693). */
export interface ExchangeAudiences {
  /**
   * The subject token as one that was sent to this client, a resource server with a secret of its own.
   * @returns undefined when the client is none, or the token is not good, or not meant for it
   */
  tokenSentTo(client: Client, text: string): Promise<Token | undefined>
  /**
   * The `audience` of the new token: that of the subject token where none is asked for. Everybody may ask for a part of
   * the resources that the subject token names, a resource server for itself, and a client for what an operator allowed
   * it: beyond where the subject token is good only a resource server that it was sent to.
   * @param subject the `audience` of the subject token
   * @param target what was asked for; undefined: nothing
   * @throws 400 `invalid_target`
   */
  narrow(client: Client, subject: string | null, target: string | null | undefined): string | null
}

export interface ExchangeAudiencesOptions {
  inspect: Inspect
  targets: Targets
  config: AudienceConfig
}

export function createExchangeAudiences({ inspect, targets, config }: ExchangeAudiencesOptions): ExchangeAudiences {
  const isServer = (client: Client) => client.isConfidential() && client.audience !== null

  return {
    async tokenSentTo(client, text) {
      if (!isServer(client)) return undefined
      const found = await inspect(text)
      if (!found || refusalReason(found.record) || !isMeantForResourceServer(found.audience, client.audience, config))
        return undefined
      return found.record.token
    },

    narrow(client, subject, target) {
      if (target === undefined) return subject
      if (target !== null && client.personalAccess) throw invalidTarget(CLIENT_REQUIRED)
      if (target === null) {
        if (targets.isWithin(null, subject)) return null
        throw invalidTarget(OTHER_AUDIENCE)
      }
      const refused = resourcesOf(target).filter(uri => !mayName(client, subject, uri))
      if (refused.length === 0) return target
      throw invalidTarget(`${OTHER_AUDIENCE} Refused: ${refused.join(', ')}.`)
    },
  }

  function mayName(client: Client, subject: string | null, uri: string): boolean {
    if (subject !== null && isMeantFor(uri, resourcesOf(subject))) return true
    // Good everywhere is more than another audience.
    if (coversDeployment(uri)) return false
    const reached = isServer(client) && isMeantForResourceServer(audienceOf(subject, config), client.audience, config)
    return isAllowed(client, uri) && (reached || targets.isWithin(uri, subject))
  }

  function coversDeployment(target: string): boolean {
    return !config.requireResource && isMeantFor(target.split(' '), [config.audience])
  }
}

const CLIENT_REQUIRED = 'Name a client: without one the new token is for this server, as the personal access token is.'
const OTHER_AUDIENCE =
  'The subject token names other resources. The API that it was sent to exchanges it for further ones that an operator ' +
  'allowed it: exchange_audiences of its client.'

/** Whether a client may get tokens for a resource that nobody gave a token for: its own, or what an operator allowed. */
function isAllowed(client: Client, uri: string): boolean {
  if (!client.isOperators() || !client.isConfidential()) return false
  const own = client.audience === null ? [] : [client.audience]
  return isMeantFor(uri, [...own, ...(client.exchangeAudiences ?? [])])
}
