import { join } from 'node:path'
import t from 'tap'
import { commandLine, temporaryFolder } from '../../cli/postern.ts'
import { APP_KEY } from '../../helpers/app.ts'
import { SERVER } from '../../helpers/database.ts'

/** docs/adr/0053-embedded-database-without-optimising-compiler.md */

const TRACED = { node: ['--trace-wasm-compilation-times'], env: { APP_KEY } }
const skip = SERVER ? 'only the embedded database is WebAssembly' : false

t.test('V8 optimises the embedded database only for commands that work on all of it', { skip }, async t => {
  const postern = await commandLine(t)
  const list = await postern.run(['keys', 'list'], TRACED)
  t.equal(list.code, 0)
  t.match(list.stdout, 'using Liftoff')
  t.notMatch(list.stdout, 'using TurboFan')

  const dump = await postern.run(['dump', join(temporaryFolder(t), 'all.gz')], TRACED)
  t.equal(dump.code, 0)
  t.match(dump.stdout, 'using TurboFan')
})
