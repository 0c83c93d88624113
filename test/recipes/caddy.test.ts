import { existsSync } from 'node:fs'
import t from 'tap'
import { at, folderWith, recipe, startProxy } from '../helpers/recipes.ts'
import { proxyChecks } from './behaviour.ts'

/** CADDY_PATH, or where Debian installs it. */
const CADDY = process.env.CADDY_PATH ?? '/usr/bin/caddy'
const skip = !existsSync(CADDY) && `Caddy is not at ${CADDY} (CADDY_PATH)`

t.test('docs/recipes/caddy.md', { skip }, t =>
  proxyChecks(t, async (t, { proxy, sidecar, api }) => {
    const site = at(recipe('caddy').caddyfile as string, {
      'http://orders.example.com': `http://orders.example.com:${proxy}`,
      '127.0.0.1:4180': `127.0.0.1:${sidecar}`,
      '127.0.0.1:8080': `127.0.0.1:${api}`,
    })
    // Other tests may run a Caddy too, with its own address for administration.
    const folder = folderWith(t, { Caddyfile: `{\n\tadmin off\n}\n${site}` })
    const home = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
    const args = ['run', '--adapter', 'caddyfile', '--config', `${folder}/Caddyfile`]
    await startProxy(t, `http://127.0.0.1:${proxy}`, CADDY, args, home)
  }),
)
