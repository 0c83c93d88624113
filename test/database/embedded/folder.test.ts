import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { POSTGRES_MAJOR } from '../../../src/database/embedded/opening.ts'
import { openDatabase } from '../../../src/open-database.ts'
import { embeddedTemplate, SERVER } from '../../helpers/database.ts'
import { smallDisk } from '../../helpers/disk.ts'
import { launch } from '../../helpers/process.ts'

const ONLY_EMBEDDED = { skip: SERVER ? 'the embedded database has a run of its own' : false }
const open = async (dataDir: string) =>
  openDatabase({ databaseUrl: undefined, databasePoolSize: 1, dataDir, initialDump: await embeddedTemplate() })

t.test('a path that is not a directory is rejected with the reason', async t => {
  const folder = t.testdir({ file: '' })
  symlinkSync(join(folder, 'nowhere'), join(folder, 'dangling'))
  symlinkSync(join(folder, 'circle'), join(folder, 'circle'))
  const cases: [string, RegExp][] = [
    [join(folder, 'file'), /file is not a directory\. Set DATA_DIR to one\.$/],
    [join(folder, 'file', 'in'), /file is not a directory\. Set DATA_DIR to one\.$/],
    ['/dev/null/x', /\/dev\/null is not a directory/],
    [join(folder, 'dangling'), /dangling is a symbolic link to nothing\. Create its target, or/],
    [join(folder, 'dangling', 'in'), /dangling is a symbolic link to nothing/],
    [join(folder, 'circle'), /form a loop/],
    ['/proc/x', /no directory can be created there|no permission/],
    ['/sys/x', /no directory can be created there|no permission|read-only/],
    [join(folder, 'x'.repeat(300)), /the path is too long/],
  ]
  for (const [dataDir, reason] of cases) {
    const error = await open(dataDir).catch(error => error)
    t.match(error, { name: 'StartupError', message: reason })
    t.match(error.message, /^DATA_DIR [^\n]+ cannot be written \(E\w+\): [^\n]+$/)
  }
})

t.test(
  'a directory that was open to others is closed to them, unless it has other things in it',
  ONLY_EMBEDDED,
  async t => {
    const mode = (path: string) => statSync(path).mode & 0o777
    const dataDir = t.testdir()
    chmodSync(dataDir, 0o777)
    await (await open(dataDir)).close()
    t.equal(mode(dataDir), 0o700)
    t.equal(mode(join(dataDir, 'postgres')), 0o700)
    for (const name of ['', 'postgres', 'lock']) chmodSync(join(dataDir, name), 0o777)
    writeFileSync(join(dataDir, 'app.key'), '', { mode: 0o666 })
    writeFileSync(join(dataDir, 'notes'), '')
    await (await open(dataDir)).close()
    t.same(
      ['postgres', 'lock', 'app.key'].map(name => mode(join(dataDir, name)) & 0o077),
      [0, 0, 0],
    )
    t.equal(mode(dataDir), 0o777, 'a directory that others may need stays as it is')
  },
)

t.test('a directory of another user that is writable by all is rejected in one line', ONLY_EMBEDDED, async t => {
  if (process.getuid?.() !== 0) return t.pass('this user cannot give a directory away')
  const dataDir = t.testdir()
  chownSync(dataDir, 12_345, 12_345)
  for (const mode of [0o777, 0o1777]) {
    chmodSync(dataDir, mode)
    const refused = await launch(t, { DATA_DIR: dataDir })
    t.equal(await refused.ended, 1)
    t.match(
      refused.stderr(),
      /^postern: DATA_DIR [^\n]+ belongs to another user and everybody can write to it\. [^\n]+\n$/,
    )
    t.same(readdirSync(dataDir), [], 'no key is written there')
  }
  chmodSync(dataDir, 0o770)
  await (await open(dataDir)).close()
})

t.test('a disk that is full before the start', ONLY_EMBEDDED, async t => {
  const disk = smallDisk(t, 'size=4k')
  if (!disk) return t.pass('this user cannot mount')
  writeFileSync(join(disk, 'filling'), 'x'.repeat(4096))
  const DATA_DIR = join(disk, 'data')
  const refused = await launch(t, { DATA_DIR })
  t.equal(await refused.ended, 1)
  t.match(refused.stderr(), /^postern: DATA_DIR [^\n]+ \(ENOSPC\): the disk is full\. Free some space, or [^\n]+\n$/)
  t.notOk(existsSync(join(DATA_DIR, 'app.key')), 'no empty key is left for the next start')
})

t.test('a disk that is too small for the database', ONLY_EMBEDDED, async t => {
  const disk = smallDisk(t, 'size=2m')
  if (!disk) return t.pass('this user cannot mount')
  const error = await open(join(disk, 'data')).catch(error => error)
  t.match(error, { name: 'StartupError', message: /cannot be opened: the disk is full [^\n]+\.$/ })
  execFileSync('mount', ['-o', 'remount,size=200m', disk])
  await (await open(join(disk, 'data'))).close()
  t.pass('and with more room the next start works')
})

t.test('a disk that is read-only', ONLY_EMBEDDED, async t => {
  const disk = smallDisk(t, 'ro')
  if (!disk) return t.pass('this user cannot mount')
  for (const dataDir of [disk, join(disk, 'data')]) {
    await t.rejects(open(dataDir), { name: 'StartupError', message: /\(EROFS\): the file system is read-only/ })
  }
})

/** Fails every lock as file systems do that have none. */
const NO_LOCKS = `#include <errno.h>
#include <stdlib.h>
#include <stdarg.h>
#include <dlfcn.h>
#include <fcntl.h>
static int pass(const char *name, int fd, int cmd, void *arg) {
  if (cmd == F_SETLK || cmd == F_SETLK64) { errno = atoi(getenv("LOCK_ERRNO")); return -1; }
  int (*real)(int, int, ...) = dlsym(((void *) -1l), name);
  return real(fd, cmd, arg);
}
int fcntl(int fd, int cmd, ...) { va_list l; va_start(l, cmd); return pass("fcntl", fd, cmd, va_arg(l, void *)); }
int fcntl64(int fd, int cmd, ...) { va_list l; va_start(l, cmd); return pass("fcntl64", fd, cmd, va_arg(l, void *)); }
`

function withoutLocks(folder: string): string | undefined {
  const library = join(folder, 'locks.so')
  try {
    writeFileSync(join(folder, 'locks.c'), NO_LOCKS)
    execFileSync('cc', ['-shared', '-fPIC', '-o', library, join(folder, 'locks.c'), '-ldl'], { stdio: 'ignore' })
    return library
  } catch {
    return undefined
  }
}

t.test('a file system without locks is not reported as a database in use', ONLY_EMBEDDED, async t => {
  const folder = t.testdir()
  const library = process.platform === 'linux' ? withoutLocks(folder) : undefined
  if (!library) return t.pass('there is no compiler')
  // ENOLCK, EOPNOTSUPP, ENOSYS, EACCES
  for (const LOCK_ERRNO of ['37', '95', '38', '13']) {
    const refused = await launch(t, { DATA_DIR: join(folder, LOCK_ERRNO), LD_PRELOAD: library, LOCK_ERRNO })
    t.equal(await refused.ended, 1)
    t.match(
      refused.stderr(),
      /^postern: DATA_DIR \S+ is on a file system that cannot lock files, [^\n]+ local disk[^\n]+\n$/,
    )
  }
})

t.test('files of another PostgreSQL version are rejected and left unchanged', ONLY_EMBEDDED, async t => {
  const dataDir = t.testdir()
  const file = join(dataDir, 'postgres', 'PG_VERSION')
  mkdirSync(join(dataDir, 'postgres'))
  for (const [version, reason] of [
    ['17', /created by PostgreSQL 17, .* has PostgreSQL \d+\. Run `postern dump FILE` .* `postern restore FILE`/],
    ['9.6', /created by PostgreSQL 9\.6/],
    ['', /its PG_VERSION is damaged/],
  ] as const) {
    writeFileSync(file, `${version}\n`)
    const error = await open(dataDir).catch(error => error)
    t.match(error, { name: 'StartupError', message: reason })
    t.match(error.message, /^The database in .* cannot be opened: [^\n]+$/)
    t.equal(readFileSync(file, 'utf8'), `${version}\n`)
  }
  const db = await open(t.testdir())
  const [row] = await db.query<{ version: string }>('select version()')
  t.match(row?.version, new RegExp(`^PostgreSQL ${POSTGRES_MAJOR}\\.`), 'the version that files are compared with')
  await db.close()
})
