import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './port.ts'

/** NGINX_PATH, or where Debian installs it. */
export const NGINX = process.env.NGINX_PATH ?? '/usr/sbin/nginx'

/** Why there is no nginx to test with; false where there is one. */
export const NO_NGINX = !existsSync(NGINX) && `nginx is not at ${NGINX} (NGINX_PATH)`

/** The configuration of an nginx that writes into this folder only. @param sites what stands within `http` */
export function nginxMain(folder: string, sites: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr crit;
events {}
http {
  access_log off;
  ${temporary.map(name => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  ${sites}
}
`
}

type Test = { teardown(work: () => unknown): void }

/**
 * Starts an nginx of this test's own with the default buffers: it answers 502 when the headers of a response exceed 4 kB.
 * @param target URL of the server behind it
 * @returns its own URL
 */
export async function openNginx(t: Test, target: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-nginx-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const port = await freePort()
  const config = nginxMain(
    folder,
    `server {\n    listen 127.0.0.1:${port};\n    location / {\n      proxy_pass ${target};\n    }\n  }`,
  )
  const file = join(folder, 'nginx.conf')
  await writeFile(file, config)
  const nginx = spawn(NGINX, ['-p', folder, '-e', 'stderr', '-c', file], { stdio: 'ignore' })
  const ended = new Promise<void>(resolve => nginx.once('exit', () => resolve()))
  t.teardown(async () => {
    nginx.kill('SIGKILL')
    await ended
  })
  const url = `http://127.0.0.1:${port}`
  await answers(`${url}/health/live`)
  return url
}

async function answers(url: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await (await fetch(url)).arrayBuffer()
      return
    } catch (error) {
      if (tries === 100) throw error
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }
}
