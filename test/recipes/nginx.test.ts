import { existsSync } from 'node:fs'
import t from 'tap'
import { NGINX, NO_NGINX, nginxMain } from '../helpers/nginx.ts'
import { at, folderWith, recipe, startProxy } from '../helpers/recipes.ts'
import { proxyChecks } from './behaviour.ts'

t.test('docs/recipes/nginx.md', { skip: NO_NGINX }, t =>
  proxyChecks(t, async (t, { proxy, sidecar, api }) => {
    const site = at(recipe('nginx').nginx as string, {
      'listen 80': `listen 127.0.0.1:${proxy}`,
      '127.0.0.1:4180': `127.0.0.1:${sidecar}`,
      '127.0.0.1:8080': `127.0.0.1:${api}`,
    })
    const folder = folderWith(t, {})
    const configuration = `${folderWith(t, { 'nginx.conf': nginxMain(folder, site) })}/nginx.conf`
    await startProxy(t, `http://127.0.0.1:${proxy}`, NGINX, ['-p', folder, '-e', 'stderr', '-c', configuration])
    t.ok(existsSync(`${folder}/pid`))
  }),
)
