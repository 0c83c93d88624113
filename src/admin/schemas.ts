import { Type } from 'typebox'
import type { AuditEvent } from '../audit/event.entity.ts'
import { EVENT_KINDS } from '../audit/event.entity.ts'
import { ALGORITHMS } from '../config/config.ts'
import { closed, Name, Nullable, Time, Uuid } from '../http/schemas.ts'
import { KEY_STATES, type SigningKey } from '../keys/key.entity.ts'
import { signsFrom } from '../keys/schedule.ts'
import { TokenSchema } from '../tokens/schemas.ts'
import { toUser, UserSchema } from '../users/schemas.ts'
import { ROLES, type User } from '../users/user.entity.ts'

export const Id = (what: string) =>
  Type.Object({
    id: Type.String({ description: `Id of a ${what}`, examples: ['01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a10'] }),
  })

const NullableId = Nullable(Type.String({ format: 'uuid' }))

export const ManagedUser = Type.Object({ ...UserSchema.properties, disabled_at: Nullable(Time()) })
export const toManagedUser = (user: User) => ({ ...toUser(user), disabled_at: user.disabledAt ?? null })

export const CreateUser = Type.Object(
  {
    email: Type.String({ format: 'email', maxLength: 254 }),
    name: Name,
    password: Type.String({ format: 'password', maxLength: 1024, description: 'At least 8 characters' }),
    role: Type.Optional(Type.Enum([...ROLES], { default: 'user' })),
  },
  { ...closed, examples: [{ email: 'ada@example.com', name: 'Ada Lovelace', password: 'correct horse' }] },
)

export const ChangeUser = Type.Object(
  {
    email: Type.Optional(Type.String({ format: 'email', maxLength: 254 })),
    name: Type.Optional(Name),
    password: Type.Optional(Type.String({ format: 'password', maxLength: 1024 })),
    role: Type.Optional(Type.Enum([...ROLES])),
  },
  { ...closed, examples: [{ name: 'Ada King' }] },
)

export const ManagedToken = Type.Object({ ...TokenSchema.properties, user_id: NullableId })

/** The conditions of a selection of tokens, in a query string and in a body alike. */
export const selector = {
  user_id: Type.Optional(Uuid()),
  client_id: Type.Optional(Uuid()),
  scope: Type.Optional(Type.String({ maxLength: 128, description: 'Tokens that were given this scope' })),
  made_before: Type.Optional(Type.String({ format: 'date-time', maxLength: 64 })),
  unused_since: Type.Optional(Type.String({ format: 'date-time', maxLength: 64 })),
  key_id: Type.Optional(Uuid('Signed tokens that were made while this key signed')),
}

export const RevokeTokens = Type.Object(
  { ...selector, dry_run: Type.Optional(Type.Boolean({ description: 'Only tell how many it would revoke' })) },
  { ...closed, examples: [{ client_id: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12', dry_run: true }] },
)

export const ManagedKey = Type.Object({
  id: Type.String({ format: 'uuid', description: 'The `kid`' }),
  algorithm: Type.Enum([...ALGORITHMS]),
  state: Type.Enum([...KEY_STATES]),
  created_at: Time(),
  signs_from: Nullable(Time('From when it signs or signed. `null`: no rotation has scheduled it, or it never signed')),
  activated_at: Nullable(Time('`null` until it signs')),
  retired_at: Nullable(Time()),
  revoked_at: Nullable(Time('Since when nothing that it signed counts')),
})

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

export const AuditEventSchema = Type.Object({
  id: Type.String({ format: 'uuid' }),
  at: Time(),
  kind: Type.Enum([...EVENT_KINDS]),
  user_id: NullableId,
  client_id: NullableId,
  token_id: NullableId,
  actor_user_id: NullableId,
  actor_client_id: NullableId,
  actor_token_id: NullableId,
  actor_session_id: NullableId,
  address: Nullable(Type.String()),
  details: Type.Record(Type.String(), Type.Unknown()),
})

export const toEvent = (event: AuditEvent) => ({
  id: event.id,
  at: event.at,
  kind: event.kind,
  user_id: event.userId,
  client_id: event.clientId,
  token_id: event.tokenId,
  actor_user_id: event.actorUserId,
  actor_client_id: event.actorClientId,
  actor_token_id: event.actorTokenId,
  actor_session_id: event.actorSessionId,
  address: event.address,
  details: event.details,
})
