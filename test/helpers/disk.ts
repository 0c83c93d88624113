import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

type Teardown = { teardown(work: () => unknown): void }

/** A small file system of its own, where this user may mount one. @returns undefined where not */
export function smallDisk(t: Teardown, options: string): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'postern-disk-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  t.teardown(() => execFileSync('umount', [folder]))
  return folder
}
