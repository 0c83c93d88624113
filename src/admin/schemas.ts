import { Type } from 'typebox'
import type { AuditEvent } from '../audit/event.entity.ts'
import { EVENT_KINDS } from '../audit/event.entity.ts'
import { ALGORITHMS } from '../config/config.ts'
import { closed, Name, Named, Nullable, Time, Uuid } from '../http/schemas.ts'
import { KEY_STATES, type SigningKey } from '../keys/key.entity.ts'
import { KID_PATTERN } from '../keys/kid.ts'
import { signsFrom } from '../keys/schedule.ts'
import { TokenSchema } from '../tokens/schemas.ts'
import type { Invitation } from '../users/account-mail.ts'
import { ROLES } from '../users/user.entity.ts'
import type { ShowUserId } from '../users/user-ids.ts'

export const Id = (what: string) =>
  Type.Object({
    id: Type.String({ description: `Id of a ${what}`, examples: ['01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a10'] }),
  })

const USER_ID = 'Id of a user: a UUID; of a user of an application, the id there'
const USER_ID_EXAMPLE = '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a10'

const KID_EXAMPLE = 'post_01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a13'

const Kid = (description: string) => Type.String({ pattern: KID_PATTERN, description, examples: [KID_EXAMPLE] })

const NullableId = Nullable(Type.String({ format: 'uuid' }))
const NullableUserId = Nullable(Type.String({ description: USER_ID, examples: [USER_ID_EXAMPLE] }))

export const UserIdFilter = Type.Optional(Type.String({ minLength: 1, maxLength: 255, description: USER_ID }))

export const CreateUser = Named(
  'CreateUser',
  Type.Object(
    {
      email: Type.String({ format: 'email', maxLength: 254 }),
      name: Name,
      password: Type.Optional(
        Type.String({
          format: 'password',
          maxLength: 1024,
          description: 'At least 8 characters. Without it, the user is invited to choose one.',
        }),
      ),
      role: Type.Optional(Type.Enum([...ROLES], { default: 'user' })),
    },
    { ...closed, examples: [{ email: 'ada@example.com', name: 'Ada Lovelace', password: 'correct horse' }] },
  ),
)

/** An invitation, which is sent by mail, or whose link the administrator passes on. */
export const InvitationSchema = Named(
  'Invitation',
  Type.Object({
    sent: Type.Boolean({ description: 'Whether the link was sent by mail' }),
    url: Type.Optional(
      Type.String({ format: 'uri', description: 'The link, if the server sends no mail. Shown once.' }),
    ),
    expires_at: Type.Optional(Time()),
  }),
)

export const toInvitation = (invitation: Invitation) =>
  invitation.sent
    ? { sent: true }
    : { sent: false, url: invitation.url, expires_at: invitation.expiresAt.toISOString() }

export const ChangeUser = Named(
  'ChangeUser',
  Type.Object(
    {
      email: Type.Optional(Type.String({ format: 'email', maxLength: 254 })),
      name: Type.Optional(Name),
      password: Type.Optional(Type.String({ format: 'password', maxLength: 1024 })),
      role: Type.Optional(Type.Enum([...ROLES])),
    },
    { ...closed, examples: [{ name: 'Ada King' }] },
  ),
)

export const ManagedToken = Named('ManagedToken', Type.Object({ ...TokenSchema.properties, user_id: NullableUserId }))

/** Filter conditions for tokens, in a query string or a body. */
export const filterFields = {
  user_id: UserIdFilter,
  client_id: Type.Optional(Uuid()),
  scope: Type.Optional(Type.String({ minLength: 1, maxLength: 128, description: 'Tokens with this scope' })),
  created_before: Type.Optional(Type.String({ format: 'date-time', maxLength: 64 })),
  made_before: Type.Optional(
    Type.String({ format: 'date-time', maxLength: 64, deprecated: true, description: 'Use `created_before`' }),
  ),
  unused_since: Type.Optional(Type.String({ format: 'date-time', maxLength: 64 })),
  never_used: Type.Optional(Type.Boolean({ description: 'true: never used; false: used at least once' })),
  expires_before: Type.Optional(Type.String({ format: 'date-time', maxLength: 64 })),
  key_id: Type.Optional(Kid('Signed tokens that were issued while this key was active')),
}

export const RevokeTokens = Named(
  'RevokeTokens',
  Type.Object(
    {
      ...filterFields,
      dry_run: Type.Optional(Type.Boolean({ description: 'Only count the tokens, without revoking them' })),
    },
    { ...closed, examples: [{ client_id: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12', dry_run: true }] },
  ),
)

export const HandOverToken = Named(
  'HandOverToken',
  Type.Object(
    { user_id: Type.String({ maxLength: 255, description: 'Id of the new owner, a user or a service account' }) },
    { ...closed, examples: [{ user_id: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a14' }] },
  ),
)

export const ManagedKey = Named(
  'SigningKey',
  Type.Object({
    id: Kid('The `kid`'),
    algorithm: Type.Enum([...ALGORITHMS]),
    state: Type.Enum([...KEY_STATES]),
    created_at: Time(),
    signs_from: Nullable(
      Time('When it becomes or became active. `null`: no rotation has scheduled it, or it never was'),
    ),
    activated_at: Nullable(Time('`null` until it becomes active')),
    retired_at: Nullable(Time()),
    revoked_at: Nullable(Time('Since then, everything that it signed is rejected')),
  }),
)

export const toKey = (key: SigningKey) => ({
  id: key.id,
  algorithm: key.algorithm,
  state: key.state,
  created_at: key.createdAt,
  signs_from: signsFrom(key),
  activated_at: key.state === 'next' ? null : signsFrom(key),
  retired_at: key.retiredAt ?? null,
  revoked_at: key.revokedAt ?? null,
})

export const AuditEventSchema = Named(
  'AuditEvent',
  Type.Object({
    id: Type.String({ format: 'uuid' }),
    at: Time(),
    kind: Type.Enum([...EVENT_KINDS]),
    user_id: NullableUserId,
    client_id: NullableId,
    token_id: NullableId,
    actor_user_id: NullableUserId,
    actor_client_id: NullableId,
    actor_token_id: NullableId,
    actor_session_id: NullableId,
    address: Nullable(Type.String()),
    details: Type.Record(Type.String(), Type.Unknown()),
  }),
)

/** @param shown returns the id that responses name a user by */
export const toEvent = (event: AuditEvent, shown: ShowUserId = row => row) => ({
  id: event.id,
  at: event.at,
  kind: event.kind,
  user_id: shown(event.userId),
  client_id: event.clientId,
  token_id: event.tokenId,
  actor_user_id: shown(event.actorUserId),
  actor_client_id: event.actorClientId,
  actor_token_id: event.actorTokenId,
  actor_session_id: event.actorSessionId,
  address: event.address,
  details: event.details,
})
