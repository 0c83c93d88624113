import { createServer } from 'node:http'
import type { JWTPayload } from 'jose'
import { Provider } from 'oidc-provider'
import { freePort } from '../helpers/port.ts'

type Test = { teardown(work: () => unknown): void }

/** An OpenID provider that plays the issuer of a build server: it signs a token for a job, with the claims of that job. */
export interface BuildServer {
  issuer: string
  /** A token of a job, as the build server gives it to the job. */
  tokenFor(claims: JWTPayload, audience: string): Promise<string>
}

const SECRET = 'the build server itself asks for the tokens of its jobs'

/** A real provider (`oidc-provider`) with discovery and keys of its own. */
export async function buildServer(t: Test): Promise<BuildServer> {
  const issuer = `http://127.0.0.1:${await freePort()}`
  let next: JWTPayload = {}
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'jobs',
        client_secret: SECRET,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, audience) => ({ scope: '', audience, accessTokenFormat: 'jwt' }),
      },
    },
    formats: {
      customizers: {
        // An ID token of a job, not an access token (RFC 9068).
        jwt: (_ctx, _token, parts) => {
          parts.header = { typ: 'JWT' }
          Object.assign(parts.payload, next)
        },
      },
    },
    cookies: { keys: ['a key for tests'] },
  })
  provider.on('server_error', () => {})
  const server = createServer(provider.callback())
  await new Promise<void>(resolve => void server.listen(Number(new URL(issuer).port), '127.0.0.1', resolve))
  t.teardown(() => server.close().closeAllConnections())
  return {
    issuer,
    async tokenFor(claims, audience) {
      next = claims
      const body = new URLSearchParams({ grant_type: 'client_credentials', resource: audience })
      const authorization = `Basic ${Buffer.from(`jobs:${encodeURIComponent(SECRET)}`).toString('base64')}`
      const response = await fetch(`${issuer}/token`, { method: 'POST', body, headers: { authorization } })
      const { access_token: token, ...error } = (await response.json()) as { access_token?: string }
      if (token === undefined) throw new Error(`The build server gave no token: ${JSON.stringify(error)}`)
      return token
    },
  }
}

/** The claims of a job of GitHub Actions. */
export const GITHUB: JWTPayload = {
  sub: 'repo:acme/shop:ref:refs/heads/main',
  repository: 'acme/shop',
  repository_id: '74',
  repository_owner: 'acme',
  repository_owner_id: '65',
  ref: 'refs/heads/main',
  workflow: 'Release',
  job_workflow_ref: 'acme/shop/.github/workflows/release.yml@refs/heads/main',
  run_id: '1234',
  run_attempt: '1',
  event_name: 'push',
}

/** The claims of a job of GitLab. */
export const GITLAB: JWTPayload = {
  sub: 'project_path:acme/web/shop:ref_type:branch:ref:main',
  project_path: 'acme/web/shop',
  project_id: '22',
  namespace_id: '72',
  ref: 'main',
  ref_type: 'branch',
  ref_protected: 'true',
  job_id: '302',
  pipeline_id: '212',
}

/** The claims of a pod of Kubernetes. */
export const KUBERNETES: JWTPayload = {
  sub: 'system:serviceaccount:payments:deployer',
  'kubernetes.io': {
    namespace: 'payments',
    node: { name: 'node-1', uid: '646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1' },
    pod: { name: 'deploy-x7k2p', uid: '5e0bd49b-f040-43b0-99b7-22765a53f7f3' },
    serviceaccount: { name: 'deployer', uid: '14ee3fa4-a7e2-420f-9f9a-dbc4507c3798' },
  },
}
