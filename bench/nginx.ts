import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Bench } from './bench.ts'
import { freePort } from './rig/ports.ts'

/**
 * Starts an nginx with one worker and a location for each check. Its API is a response of nginx itself, behind a second hop as
 * any API is.
 * @param checks the URLs that `auth_request` asks, by the name of the location
 * @returns its URL
 */
export async function openNginx(bench: Bench, program: string, checks: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-bench-nginx-'))
  bench.defer(() => rm(folder, { recursive: true, force: true }))
  const [port, api] = [await freePort(), await freePort()]
  const file = join(folder, 'nginx.conf')
  await writeFile(file, configuration(folder, port, api, checks))
  const nginx = spawn(program, ['-p', folder, '-e', 'stderr', '-c', file], { stdio: ['ignore', 'ignore', 'inherit'] })
  bench.defer(() => stop(nginx))
  const url = `http://127.0.0.1:${port}`
  while (!(await fetch(url).catch(() => undefined))) await pause(10)
  return url
}

async function stop(nginx: ChildProcess): Promise<void> {
  const ended = once(nginx, 'exit')
  nginx.kill('SIGTERM')
  await ended
}

const upstream = (name: string, host: string) => `upstream ${name} { server ${host}; keepalive 64; }`

/** The part of docs/recipes/nginx.md that every accepted request runs. */
const location = (name: string, target: URL) => `
    location = /${name} {
      auth_request /_${name};
      auth_request_set $auth_user $upstream_http_x_auth_user;
      auth_request_set $auth_scopes $upstream_http_x_auth_scopes;
      proxy_set_header X-Auth-User $auth_user;
      proxy_set_header X-Auth-Scopes $auth_scopes;
      proxy_set_header Connection "";
      proxy_pass http://api;
    }
    location = /_${name} {
      internal;
      proxy_pass http://${name}${target.pathname}${target.search};
      proxy_set_header Authorization $http_authorization;
      proxy_set_header Connection "";
      proxy_set_header Content-Length "";
      proxy_pass_request_headers off;
      proxy_pass_request_body off;
    }`

function configuration(folder: string, port: number, api: number, checks: Record<string, string>): string {
  const targets = Object.entries(checks).map(([name, url]) => [name, new URL(url)] as const)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000000;
  proxy_http_version 1.1;
  ${temporary.map(name => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  ${upstream('api', `127.0.0.1:${api}`)}
  ${targets.map(([name, { host }]) => upstream(name, host)).join('\n  ')}
  server {
    listen 127.0.0.1:${port};
    ${targets.map(([name, target]) => location(name, target)).join('')}
  }
  server {
    listen 127.0.0.1:${api};
    location / { default_type application/json; return 200 '{"id":1,"total":4200}'; }
  }
}
`
}
