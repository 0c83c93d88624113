import { isMeantFor } from '../../packages/guard/src/audience.ts'
import type { Token } from '../../packages/guard/src/token.ts'
import type { Client } from '../clients/client.entity.ts'
import { invalidTarget } from '../errors/protocol.ts'
import { type AudienceConfig, audienceOf, isMeantForResourceServer, resourcesOf } from '../tokens/audience.ts'
import type { Inspect } from '../tokens/inspect.ts'
import { refusalReason } from '../tokens/records.ts'
import type { Targets } from '../tokens/target.ts'

/** Decides which tokens a client may exchange for tokens with another audience (RFC 8693). */
export interface ExchangeAudiences {
  /**
   * Finds a subject token that was sent to this client as a resource server.
   * @returns undefined if the client is not a confidential resource server, or the token is unusable or not meant for it
   */
  tokenSentTo(client: Client, text: string): Promise<Token | undefined>
  /**
   * Determines the `audience` of the new token; by default, that of the subject token. Any client may request a subset of
   * the subject token's resources. A client may also request its own audience and those that an operator allowed it; if
   * they are outside the subject token's audience, only if the subject token was sent to this client as a resource server.
   * @param subject the `audience` of the subject token
   * @param target the requested audience; undefined: none
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
      const rejected = resourcesOf(target).filter(uri => !mayRequest(client, subject, uri))
      if (rejected.length === 0) return target
      throw invalidTarget(`${OTHER_AUDIENCE} Rejected: ${rejected.join(', ')}.`)
    },
  }

  function mayRequest(client: Client, subject: string | null, uri: string): boolean {
    if (subject !== null && isMeantFor(uri, resourcesOf(subject))) return true
    // The deployment's audience includes every API, so it is never granted as an additional one.
    if (coversDeployment(uri)) return false
    const wasSentTo = isServer(client) && isMeantForResourceServer(audienceOf(subject, config), client.audience, config)
    return isAllowed(client, uri) && (wasSentTo || targets.isWithin(uri, subject))
  }

  function coversDeployment(target: string): boolean {
    return !config.requireResource && isMeantFor(target.split(' '), [config.audience])
  }
}

const CLIENT_REQUIRED = 'Authenticate as a client: without one, the new token has the audience of the subject token.'
const OTHER_AUDIENCE =
  'The subject token is for other resources. Only the API that it was sent to can exchange it for further resources, which ' +
  'an operator must allow by setting exchange_audiences of its client.'

/** Whether a client may get tokens for a resource outside the subject token's audience: its own, or an allowed one. */
function isAllowed(client: Client, uri: string): boolean {
  if (!client.isOperators() || !client.isConfidential()) return false
  const own = client.audience === null ? [] : [client.audience]
  return isMeantFor(uri, [...own, ...(client.exchangeAudiences ?? [])])
}
