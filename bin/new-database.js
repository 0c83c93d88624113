// Makes, when Postern is installed or packed, the empty database that a first start loads instead of making one itself.
// Plain JavaScript: whoever installs may not have the Node that strips types.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'

const file = process.argv[2] ?? fileURLToPath(new URL('../dist/new-database.tar', import.meta.url))

try {
  const pglite = await PGlite.create()
  const dump = await pglite.dumpDataDir('none')
  await pglite.close()
  mkdirSync(dirname(file), { recursive: true })
  // A start that comes in between finds all of it or nothing.
  writeFileSync(`${file}.draft`, Buffer.from(await dump.arrayBuffer()))
  renameSync(`${file}.draft`, file)
} catch (error) {
  process.stderr.write(`No database made in advance (${error.message}): the first start takes some seconds longer.\n`)
}
