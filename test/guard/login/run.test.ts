import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { runTool } from '../../../packages/guard/src/login/run.ts'

const run = promisify(execFile)
const FILE = join(import.meta.dirname, '../../../packages/guard/src/login/run.ts')

t.test('a tool reads its input, and what it writes is returned', async t => {
  t.equal(await runTool('cat', [], 'secret'), 'secret')
  t.equal(await runTool('false', []), undefined)
  t.equal(await runTool('no-such-tool', [], 'secret'), undefined)
})

t.test('a missing tool keeps no process alive', async t => {
  const program = `import { runTool } from ${JSON.stringify(FILE)}
    console.log(await runTool('no-such-tool', []), process.getActiveResourcesInfo().includes('Timeout'))`
  const { stdout } = await run('env', ['-u', 'NODE_OPTIONS', process.execPath, '--input-type=module', '-e', program])
  t.equal(stdout, 'undefined false\n')
})
