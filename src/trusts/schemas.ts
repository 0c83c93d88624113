import { type Static, Type } from 'typebox'
import { entityTag } from '../http/entity-tag.ts'
import { closed, Name, Named, Nullable, Time, Uuid } from '../http/schemas.ts'
import { DEFAULT_LIFETIME, MAX_LIFETIME, type TrustSettings } from './rules.ts'
import type { Trust } from './trust.entity.ts'

const MAX_LENGTH = 2_000
const Match = Type.Record(Type.String(), Type.String({ maxLength: 1_000 }), {
  description:
    'The claims that a token must have, by their names. `*` stands for any characters but a colon. A name with slashes is a path into nested claims.',
  examples: [{ repository: 'acme/shop', ref: 'refs/heads/main' }],
})
const Pin = Type.Array(Type.String({ maxLength: 128 }), {
  maxItems: 20,
  description: 'Claims whose values are fixed at the first use, such as ids that do not change with a name',
  examples: [['repository_id', 'repository_owner_id']],
})
const Scopes = Type.Array(Type.String({ maxLength: 128 }), { maxItems: 1_000, examples: [['orders:read']] })
const Lifetime = Type.Integer({
  minimum: 60,
  maximum: MAX_LIFETIME,
  description: `Of its tokens, in seconds; default: ${DEFAULT_LIFETIME}`,
  examples: [DEFAULT_LIFETIME],
})
const Issuer = Type.String({
  maxLength: MAX_LENGTH,
  description: 'The `iss` of the tokens, byte for byte',
  examples: ['https://token.actions.githubusercontent.com'],
})
const JwksUri = Nullable(
  Type.String({ maxLength: MAX_LENGTH, description: 'The key set of an issuer without discovery' }),
)
const Audience = Type.String({
  maxLength: 255,
  description: 'What `aud` of the tokens must contain; default: this deployment',
  examples: ['https://id.example.com'],
})

export const TrustSchema = Named(
  'Trust',
  Type.Object({
    id: Type.String({ format: 'uuid' }),
    name: Type.String({ examples: ['acme/shop'] }),
    issuer: Issuer,
    jwks_uri: JwksUri,
    audience: Audience,
    match: Match,
    pin: Pin,
    pinned: Nullable(
      Type.Record(Type.String(), Type.String(), { description: 'The values of the first use; null: not used yet' }),
    ),
    user_id: Nullable(Type.String({ format: 'uuid', description: 'Whose personal access tokens it issues' })),
    client_id: Nullable(Type.String({ format: 'uuid', description: 'Or which app it issues tokens of' })),
    scopes: Scopes,
    lifetime: Lifetime,
    created_at: Time(),
    updated_at: Time(),
  }),
)

export const toTrust = (trust: Trust) => ({
  id: trust.id,
  name: trust.name,
  issuer: trust.issuer,
  jwks_uri: trust.jwksUri,
  audience: trust.audience,
  match: trust.match,
  pin: trust.pin,
  pinned: trust.pinned,
  user_id: trust.user,
  client_id: trust.client,
  scopes: trust.scopes,
  lifetime: trust.lifetime,
  created_at: trust.createdAt,
  updated_at: trust.updatedAt,
})

export const trustTag = (trust: Trust): string => entityTag(toTrust(trust))

const settings = {
  name: Type.Optional(Name),
  jwks_uri: Type.Optional(JwksUri),
  audience: Type.Optional(Audience),
  pin: Type.Optional(Pin),
  user_id: Type.Optional(Uuid('Whose personal access tokens it issues')),
  client_id: Type.Optional(Uuid('Or which app it issues tokens of, in place of `user_id`')),
  lifetime: Type.Optional(Lifetime),
}

export const CreateTrust = Named(
  'CreateTrust',
  Type.Object({ ...settings, issuer: Issuer, match: Match, scopes: Scopes }, closed),
)
export const ChangeTrust = Named(
  'ChangeTrust',
  Type.Object(
    {
      ...settings,
      issuer: Type.Optional(Issuer),
      match: Type.Optional(Match),
      scopes: Type.Optional(Scopes),
    },
    closed,
  ),
)

export const toSettings = ({
  jwks_uri: jwksUri,
  user_id: userId,
  client_id: clientId,
  ...same
}: Static<typeof ChangeTrust>): TrustSettings => ({ ...same, jwksUri, userId, clientId })
