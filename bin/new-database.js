// Creates the empty database that a first start loads, when Postern is installed or packed. Plain JavaScript, since the
// installing Node may not support type stripping.
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
  // Renamed last, so that a concurrent start never reads an incomplete file.
  writeFileSync(`${file}.draft`, Buffer.from(await dump.arrayBuffer()))
  renameSync(`${file}.draft`, file)
} catch (error) {
  process.stderr.write(
    `Could not create the prebuilt database (${error.message}): the first start takes some seconds longer.\n`,
  )
}
