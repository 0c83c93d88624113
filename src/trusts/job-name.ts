import type { JWTPayload } from 'jose'
import { validateName } from '../text/name.ts'
import { claimOf } from './claims.ts'

/** For each kind of workload, the claims that name it, and then its run. */
const NAMES = [
  // GitHub Actions.
  ['repository', 'workflow', 'run_id'],
  // GitLab.
  ['project_path', 'job_id'],
  // Kubernetes.
  ['kubernetes.io/namespace', 'kubernetes.io/serviceaccount/name', 'kubernetes.io/pod/name'],
]
const MAX_LENGTH = 255

/**
 * The name of a token: that of the job that it is issued for.
 * @param fallback the name of the trust
 * @example jobName({ repository: 'acme/shop', workflow: 'Release', run_id: '42' }, '') // 'acme/shop, Release, 42'
 */
export function jobName(payload: JWTPayload, fallback: string): string {
  const parts = NAMES.map(names => names.flatMap(name => claimOf(payload, name) ?? []))
  const found = parts.find((values, i) => values.length >= 2 && claimOf(payload, NAMES[i]?.[0] as string))
  return shown(found?.join(', ') ?? payload.sub ?? '') ?? fallback
}

/** Whoever starts a job chooses some of its claims. */
function shown(text: string): string | undefined {
  try {
    return validateName([...text].slice(0, MAX_LENGTH).join(''))
  } catch {
    return undefined
  }
}
