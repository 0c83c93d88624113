import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

type Env = Readonly<Record<string, string | undefined>>

/**
 * The command that opens a URL in the user's browser.
 * @returns undefined where no browser can be opened that shows itself to the user: on a build server, over SSH, and on Linux
 *   without a display. `BROWSER` names one explicitly.
 */
export function browserCommand(env: Env, platform: string): string[] | undefined {
  const chosen = env.BROWSER?.split(delimiter)[0]
  if (chosen) return [chosen]
  if (env.CI || env.SSH_CONNECTION || env.SSH_TTY) return undefined
  if (platform === 'darwin') return ['open']
  if (platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler']
  if (!env.DISPLAY && !env.WAYLAND_DISPLAY) return undefined
  const opener = ['xdg-open', 'wslview'].find(name => isOnPath(env, name))
  return opener === undefined ? undefined : [opener]
}

function isOnPath({ PATH = '' }: Env, name: string): boolean {
  return PATH.split(delimiter).some(folder => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return folder !== ''
    } catch {
      return false
    }
  })
}

/**
 * Opens a URL. No shell is involved. The browser outlives this process.
 * @param onFailure called if the command does not start, or reports that it could not open the URL
 */
export function openBrowser([program = '', ...args]: readonly string[], url: string, onFailure: () => void): void {
  const child = spawn(program, [...args, url], { detached: true, stdio: 'ignore' })
  child.once('error', onFailure)
  child.once('exit', code => {
    if (code !== 0) onFailure()
  })
  child.unref()
}
