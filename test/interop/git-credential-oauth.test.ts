import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { newUser } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { listeningIssuer } from '../helpers/issuer.ts'
import { freePort } from '../helpers/port.ts'

const TOOL = 'git-credential-oauth'
const present = [TOOL, 'git'].every(tool => spawnSync(tool, ['-h']).error === undefined)

t.test('git gets its password from us', { skip: present ? false : `git or ${TOOL} is not installed` }, async t => {
  const { issuer, services, app } = await listeningIssuer(t)
  const user = await newUser(services)
  const browser = new Browser(app)
  await browser.signIn(user)
  const { client } = await services.clients.create({ name: 'git', public: true, redirectUris: ['http://127.0.0.1'] })

  const home = t.testdir({})
  const opened = join(home, 'opened')
  const tool = spawn(TOOL, ['get'], { env: environment(home, opened), timeout: 60_000, killSignal: 'SIGKILL' })
  t.teardown(() => tool.kill('SIGKILL'))
  const settings = {
    oauthClientId: client.id,
    oauthScopes: 'orders:read',
    oauthAuthURL: '/oauth/authorize',
    oauthTokenURL: '/oauth/token',
    oauthRedirectURL: `http://127.0.0.1:${await freePort()}`,
  }
  const lines = Object.entries(settings).map(([name, value]) => `\t${name} = ${value}`)
  writeFileSync(join(home, '.gitconfig'), `[credential "${issuer}"]\n${lines.join('\n')}\n`)
  const said = text(tool.stdout)
  tool.stdin.end(`protocol=http\nhost=${new URL(issuer).host}\n\n`)
  const url = await heard(tool, /https?:\/\/\S+\/oauth\/authorize\?\S+(?=\s)/)
  await visit(await browser.approve(url.slice(issuer.length)))
  const password = /^password=(.+)$/m.exec(await said)?.[1]
  t.equal(readFileSync(opened, 'utf8').trim(), url, 'the browser was sent there')
  const answer = await fetch(`${issuer}/api/user`, { headers: { authorization: `Bearer ${password}` } })
  t.match(await answer.json(), { data: { id: user.id } })
})

/** Whatever it opens a browser with only writes down where it was sent: a browser of this machine would be a failure. */
function environment(home: string, opened: string): NodeJS.ProcessEnv {
  const bin = join(home, 'bin')
  mkdirSync(bin)
  const script = `#!/bin/sh\nprintf '%s\\n' "$1" > '${opened}'\n`
  for (const name of ['open', 'xdg-open']) writeFileSync(join(bin, name), script, { mode: 0o755 })
  return { HOME: home, PATH: `${bin}:${process.env.PATH}`, GIT_CONFIG_NOSYSTEM: '1' }
}

/** The first match in what it says to people. It is listened to until it ends, since a broken pipe would end it. */
function heard({ stderr }: ChildProcessWithoutNullStreams, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let words = ''
    stderr.setEncoding('utf8').on('data', chunk => {
      words += chunk
      const match = pattern.exec(words)
      if (match) resolve(match[0])
    })
    stderr.on('close', () => reject(new Error(`nothing like ${pattern} in: ${words}`)))
  })
}

/** It waits for the connection to end, and sometimes ends before it has answered. */
function visit(url: URL): Promise<void> {
  return new Promise(resolve => {
    const visiting = request(url, { agent: false, headers: { connection: 'close' } }, answer => answer.resume())
    visiting.on('error', () => {}).on('close', resolve)
    visiting.end()
  })
}
