import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { newUser } from '../helpers/app.ts'
import { Browser, pkce } from '../helpers/browser.ts'
import { listeningIssuer } from '../helpers/issuer.ts'

const CALLBACK = 'http://127.0.0.1:9/callback'
const PYTHON = '/usr/bin/python3'
const present = spawnSync(PYTHON, ['-c', 'import authlib, requests']).status === 0

t.test(
  'Authlib: a machine, then an app that signs a person in',
  { skip: present ? false : 'Authlib is not installed' },
  async t => {
    const { issuer, services, app } = await listeningIssuer(t)
    const machine = await services.clients.create({ name: 'Nightly' })
    const viewer = await services.clients.create({ name: 'Viewer', redirectUris: [CALLBACK] })
    const browser = new Browser(app)
    await browser.signIn(await newUser(services))

    const python = spawn(PYTHON, [join(import.meta.dirname, 'authlib-client.py')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const lines = createInterface({ input: python.stdout })[Symbol.asyncIterator]()
    const say = (what: object) => python.stdin.write(`${JSON.stringify(what)}\n`)
    const hear = async () => JSON.parse((await lines.next()).value ?? '{}')
    const credentials = ({ client, secret }: typeof machine) => ({ id: client.id, secret })

    say({
      issuer,
      callback: CALLBACK,
      verifier: pkce().verifier,
      machine: credentials(machine),
      app: credentials(viewer),
    })
    t.strictSame(await hear(), { active: true, scope: 'orders:read', before: 200, after: 401 })
    const { url } = await hear()
    const back = await browser.approve(url.slice(issuer.length))
    say({ back: back.href })
    t.strictSame(await hear(), { first: 401, second: 200 }, 'the first died when it was refreshed')
  },
)
