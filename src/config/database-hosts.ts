/** `postgres://user@a:5432,b/database?…`: scheme with credentials, hosts, path with parameters. */
const SHAPE = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^/?#@]*)([^#]*)$/
/** Only a server that accepts writes is ever used, so these two values of libpq's parameter change nothing. */
const WRITABLE = new Set(['read-write', 'primary'])
const TARGET = 'target_session_attrs'

/**
 * Splits a URL of several servers, as libpq accepts it, into one URL for each server
 * (PostgreSQL, "Connection Strings", "Specifying Multiple Hosts").
 * @returns undefined when the URL is not valid, or asks for a server that is not writable
 * @example
 * splitHosts('postgres://app@a,b:5433/db?target_session_attrs=read-write')
 * // ['postgres://app@a/db', 'postgres://app@b:5433/db']
 */
export function splitHosts(url: string): string[] | undefined {
  const [, start = '', hosts = '', rest = ''] = SHAPE.exec(url) ?? []
  const query = new URLSearchParams(rest.split('?')[1])
  const target = query.get(TARGET)
  if (!start || (target !== null && !WRITABLE.has(target))) return undefined
  const urls = hosts.split(',').map(host => withoutTarget(start + host + rest))
  const isOne = urls.length === 1
  return urls.every((each, i) => URL.canParse(each) && (isOne || hosts.split(',')[i] !== '')) ? urls : undefined
}

/** pg does not know the parameter. */
const withoutTarget = (url: string) =>
  url.replace(new RegExp(`([?&])${TARGET}=[^&]*(&|$)`), (_, before, after) => (after ? before : ''))
