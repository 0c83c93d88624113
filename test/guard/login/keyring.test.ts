import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { BIN, homeOf } from '../../helpers/sign-in.ts'

/** The Secret Service as a desktop has it: GNOME Keyring, unlocked, on a session bus of its own. */
const TOOLS = ['dbus-run-session', 'gnome-keyring-daemon', 'secret-tool']
const missing = TOOLS.filter(tool => spawnSync(tool, ['--version']).error !== undefined)
const skip = missing.length > 0 && `${missing.join(', ')} not installed`

t.test('tokens are stored in the keyring of the system', { skip }, async t => {
  const home = await homeOf(t)
  const postern = `env -u NODE_OPTIONS '${process.execPath}' '${BIN}'`
  const script = `
    set -e
    eval "$(printf password | gnome-keyring-daemon --unlock --components=secrets)"
    ${postern} login --device --json
    cat "$HOME"/.config/postern/login-*.json
    echo
    ${postern} token --for header
    secret-tool search --all service postern 2>&1 | grep -c 'attribute.account' || true
    ${postern} logout
    secret-tool search --all service postern 2>&1 | grep -c 'attribute.account' || true
    `
  const session = promisify(execFile)('dbus-run-session', ['--', 'bash', '-c', script], {
    env: { ...home.env, XDG_RUNTIME_DIR: home.folder },
    timeout: 60_000,
  })
  let shown = ''
  const code = await new Promise<string>(found => {
    session.child.stderr?.on('data', chunk => {
      shown += chunk
      const match = /enter the code ([A-Z]{4}-[A-Z]{4})/.exec(shown)
      if (match) found(match[1] as string)
    })
  })
  const page = await home.browser.get(`/device?user_code=${code}`)
  await home.browser.submit(page, { decision: 'approve' }, /device$/)
  const { stdout, stderr } = await session
  t.notMatch(stderr, 'Warning')
  t.match(stdout, '"source": "keyring"')
  const file = /^\{"version".*$/m.exec(stdout)?.[0] as string
  t.notMatch(file, 'accessToken', 'the file has no secret')
  t.match(JSON.parse(file), { place: 'keyring' })
  t.match(stdout, /\nAuthorization: Bearer \S+\n1\nSigned out at \S+\n0\n/)
})
