import { existsSync } from 'node:fs'
import t from 'tap'
import { at, folderWith, recipe, startProxy } from '../helpers/recipes.ts'
import { proxyChecks } from './behaviour.ts'

/** HAPROXY_PATH, or where Debian installs it. */
const HAPROXY = process.env.HAPROXY_PATH ?? '/usr/sbin/haproxy'
const skip = !existsSync(HAPROXY) && `HAProxy is not at ${HAPROXY} (HAPROXY_PATH)`

t.test('docs/recipes/haproxy.md', { skip }, t =>
  proxyChecks(t, async (t, { proxy, sidecar, api }) => {
    const { lua, haproxy } = recipe('haproxy') as { lua: string; haproxy: string }
    const folder = folderWith(t, { 'sidecar.lua': at(lua, { '127.0.0.1:4180': `127.0.0.1:${sidecar}` }) })
    const site = at(haproxy, {
      '/etc/haproxy/sidecar.lua': `${folder}/sidecar.lua`,
      'bind :80': `bind 127.0.0.1:${proxy}`,
      '127.0.0.1:4180': `127.0.0.1:${sidecar}`,
      '127.0.0.1:8080': `127.0.0.1:${api}`,
    })
    const configuration = `${folderWith(t, { 'haproxy.cfg': site })}/haproxy.cfg`
    await startProxy(t, `http://127.0.0.1:${proxy}`, HAPROXY, ['-db', '-f', configuration])
  }),
)
