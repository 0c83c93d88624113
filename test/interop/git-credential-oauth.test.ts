import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { newUser } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { listeningIssuer } from '../helpers/issuer.ts'
import { freePort } from '../helpers/port.ts'

const present = spawnSync('git-credential-oauth', ['-h']).error === undefined

t.test(
  'git gets its password from us',
  { skip: present ? false : 'git-credential-oauth is not installed' },
  async t => {
    const { issuer, house, app } = await listeningIssuer(t)
    const user = await newUser(house)
    const browser = new Browser(app)
    await browser.signIn(user)
    const callback = `http://127.0.0.1:${await freePort()}`
    const { client } = await house.clients.create({ name: 'git', public: true, redirectUris: [callback] })

    const home = t.testdir({})
    // Where the tool would open a browser it says where it would have sent it.
    const bin = join(home, 'bin')
    mkdirSync(bin)
    for (const name of ['xdg-open', 'x-www-browser', 'www-browser', 'wslview']) {
      writeFileSync(join(bin, name), '#!/bin/sh\necho "$1" >&2\n')
      chmodSync(join(bin, name), 0o755)
    }
    const settings = {
      oauthClientId: client.id,
      oauthScopes: 'orders:read',
      oauthAuthURL: '/oauth/authorize',
      oauthTokenURL: '/oauth/token',
      oauthRedirectURL: callback,
    }
    const lines = Object.entries(settings).map(([name, value]) => `\t${name} = ${value}`)
    writeFileSync(join(home, '.gitconfig'), `[credential "${issuer}"]\n${lines.join('\n')}\n`)

    const env = { ...process.env, HOME: home, PATH: `${bin}:${process.env.PATH}`, DISPLAY: ':0' }
    const tool = spawn('git-credential-oauth', ['get'], { env })
    t.teardown(() => tool.kill())
    const said = text(tool.stdout)
    tool.stdin.end(`protocol=http\nhost=${new URL(issuer).host}\n\n`)
    const url = await found(tool.stderr, /https?:\/\/\S+\/oauth\/authorize\?\S+/)
    const back = await browser.approve(url.slice(issuer.length))
    // It has what it waits for and ends, sometimes before it has answered.
    await fetch(back).catch(() => {})
    const password = /^password=(.+)$/m.exec(await said)?.[1]
    const answer = await fetch(`${issuer}/api/user`, { headers: { authorization: `Bearer ${password}` } })
    t.match(await answer.json(), { data: { id: user.id } })
  },
)

/** The first match in what a stream says. */
async function found(stream: NodeJS.ReadableStream, pattern: RegExp): Promise<string> {
  let heard = ''
  for await (const chunk of stream) {
    heard += chunk
    const match = pattern.exec(heard)
    if (match) return match[0]
  }
  throw new Error(`nothing like ${pattern} in: ${heard}`)
}
