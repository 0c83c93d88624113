import type { LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'

const INSIDE =
  /\bat .*\.[tj]s:\d|node_modules|(?i:\b(select|insert into|update) .* (from|values|set) )|\b[A-Z]\w+Error\b/

/** The answer is problem details (RFC 9457) that say what is wrong, and nothing of the inside. */
export function isProblem(t: Test, answer: LightMyRequestResponse, status: number, name: string): void {
  t.equal(answer.statusCode, status, name)
  t.equal(answer.headers['content-type'], 'application/problem+json', name)
  const { type, title, detail, status: said } = answer.json()
  t.match(type, /^urn:postern:error:[a-z_]+$/, name)
  t.ok(title && detail && said === status, name)
  t.notMatch(answer.body, INSIDE, name)
}
