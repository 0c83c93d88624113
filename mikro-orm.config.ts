import { resolve } from 'node:path'
import { defineConfig, type Options } from '@mikro-orm/postgresql'
import { AuditEvent } from './src/audit/event.entity.ts'
import { UsedAssertion } from './src/clients/assertion.entity.ts'
import { BlockedHost } from './src/clients/blocked-host.entity.ts'
import { Client } from './src/clients/client.entity.ts'
import { ClientVerification } from './src/clients/verification.entity.ts'
import { embeddedDialect } from './src/database/embedded/dialect.ts'
import { type Engine, startEngine } from './src/database/embedded/engine.ts'
import { createHosts } from './src/database/hosts.ts'
import { postgresDialect } from './src/database/postgres.ts'
import { Setting } from './src/deployment/setting.entity.ts'
import { AuthCode } from './src/grants/code.entity.ts'
import { Consent } from './src/grants/consent.entity.ts'
import { DeviceCode } from './src/grants/device.entity.ts'
import { RefreshToken } from './src/grants/refresh.entity.ts'
import { RememberedConsent } from './src/grants/remembered.entity.ts'
import { StoredResponse } from './src/idempotency/stored-response.entity.ts'
import { ImportedRow } from './src/imported/row.entity.ts'
import { ImportSource } from './src/imported/source.entity.ts'
import { SigningKey } from './src/keys/key.entity.ts'
import { OutboxMail } from './src/mail/outbox.entity.ts'
import { PushedRequest } from './src/oauth/pushed-request.entity.ts'
import { Identity } from './src/oidc/identity.entity.ts'
import { Operation } from './src/operations/operation.entity.ts'
import { ScimGroup } from './src/scim/group.entity.ts'
import { ScimMember } from './src/scim/member.entity.ts'
import { ScimUser } from './src/scim/user.entity.ts'
import { StatusEvent } from './src/status/event.entity.ts'
import { StatusList } from './src/status/list.entity.ts'
import { Node } from './src/status/node.entity.ts'
import { PendingStatuses } from './src/status/pending.entity.ts'
import { PrunedStatus } from './src/status/pruned.entity.ts'
import { AccessToken } from './src/tokens/token.entity.ts'
import { TokenCount } from './src/tokens/token-count.entity.ts'
import { Trust } from './src/trusts/trust.entity.ts'
import { TrustToken } from './src/trusts/trust-token.entity.ts'
import { AuthenticatorApp } from './src/users/factors/authenticator-app.entity.ts'
import { Passkey } from './src/users/factors/passkey.entity.ts'
import { RecoveryCode } from './src/users/factors/recovery-code.entity.ts'
import { UsedChallenge } from './src/users/factors/used-challenge.entity.ts'
import { Maintainer } from './src/users/maintainer.entity.ts'
import { ServiceAccount } from './src/users/service-account.entity.ts'
import { Session } from './src/users/session.entity.ts'
import { Subject } from './src/users/subject.entity.ts'
import { User } from './src/users/user.entity.ts'
import { UserLink } from './src/users/user-link.entity.ts'

export interface DatabaseLocation {
  /** The URL of a PostgreSQL; without it, the embedded database runs in this process. */
  url?: string | undefined
  poolSize?: number | undefined
  /** Statement timeout in milliseconds; 0: no limit. */
  timeout?: number
  /** Starts the embedded database; default: one in memory. */
  start?: (() => Promise<Engine>) | undefined
}

/** The options of MikroORM. Selects the driver: PGlite, unless there is the URL of a PostgreSQL. */
export function ormOptions({
  url,
  poolSize = 10,
  timeout = 0,
  start = () => startEngine({}),
}: DatabaseLocation): Options {
  return defineConfig({
    entities: [
      User,
      Subject,
      Session,
      UserLink,
      ServiceAccount,
      Maintainer,
      Passkey,
      AuthenticatorApp,
      RecoveryCode,
      UsedChallenge,
      Identity,
      ScimUser,
      ScimGroup,
      ScimMember,
      OutboxMail,
      StoredResponse,
      Operation,
      Client,
      BlockedHost,
      ClientVerification,
      UsedAssertion,
      SigningKey,
      AccessToken,
      TokenCount,
      Trust,
      TrustToken,
      AuthCode,
      RefreshToken,
      DeviceCode,
      Consent,
      RememberedConsent,
      PushedRequest,
      AuditEvent,
      StatusList,
      StatusEvent,
      PrunedStatus,
      PendingStatuses,
      Node,
      Setting,
      ImportSource,
      ImportedRow,
    ],
    // Functions and triggers are written by hand, in their migrations.
    schemaGenerator: { ignoreRoutines: true, ignoreTriggers: true },
    // All times are UTC.
    forceUtcTimezone: true,
    migrations: {
      path: resolve(import.meta.dirname, 'migrations'),
      glob: `!(*.d).${import.meta.filename.endsWith('.ts') ? 'ts' : 'js'}`,
      emit: 'ts',
      snapshotName: '.snapshot',
      snapshotOnMigrate: false,
      silent: true,
    },
    // A missing database is an error; it is not created.
    ensureDatabase: false,
    // Both drivers connect on first use, and never after they were closed.
    ...(url
      ? { clientUrl: createHosts(url).current, driverOptions: postgresDialect(url, poolSize, timeout) }
      : { dbName: 'postgres', driverOptions: embeddedDialect(start) }),
  })
}

/** The configuration for the `mikro-orm` command line. A server loads the migrator only when migrations are pending. */
export default async (): Promise<Options> => {
  const { Migrator } = await import('@mikro-orm/migrations')
  return { ...ormOptions({ url: process.env.DATABASE_URL }), extensions: [Migrator] }
}
