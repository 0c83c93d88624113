// Creates the empty database that a first start loads, when Postern is installed or packed. Plain JavaScript, since the
// installing Node may not support type stripping.
import nodeCrypto from 'node:crypto'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { PGlite } from '@electric-sql/pglite'

const file = process.argv[2] ?? fileURLToPath(new URL('../dist/new-database.tar', import.meta.url))

// As in bin/postern.js: an installation needs 400 MB less, and less time.
for (const flag of ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering']) setFlagsFromString(flag)
fixTimeAndRandomness()
try {
  const pglite = await PGlite.create()
  const dump = await pglite.dumpDataDir('none')
  await pglite.close()
  mkdirSync(dirname(file), { recursive: true })
  // Renamed last, so that a concurrent start never reads an incomplete file.
  writeFileSync(`${file}.draft`, Buffer.from(await dump.arrayBuffer()))
  renameSync(`${file}.draft`, file)
} catch (error) {
  process.stderr.write(
    `Could not create the prebuilt database (${error.message}): the first start takes some seconds longer.\n`,
  )
}

/**
 * Two builds of the same sources have the same bytes. The time becomes part of the database's identifier and of the files'
 * dates, and the random bytes that of a nonce for passwords, which the embedded database does not use.
 */
function fixTimeAndRandomness() {
  const RealDate = Date
  const now = RealDate.UTC(2025, 0, 1)
  globalThis.Date = class extends RealDate {
    constructor(...parts) {
      super(...(parts.length > 0 ? parts : [now]))
    }
    static now() {
      return now
    }
  }
  const fill = view => new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength).fill(7) && view
  crypto.getRandomValues = fill
  nodeCrypto.randomFillSync = fill
  nodeCrypto.randomBytes = size => Buffer.alloc(size, 7)
  syncBuiltinESMExports()
}
