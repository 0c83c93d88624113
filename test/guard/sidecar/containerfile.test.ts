import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'

const ROOT = resolve(import.meta.dirname, '../../..')
const read = (path: string) => readFileSync(resolve(ROOT, path), 'utf8')

t.test('the Containerfile copies every dependency of the package, and runs as a user without privileges', async t => {
  const file = read('packages/guard/Containerfile')
  const copied = [...file.matchAll(/^COPY --from=install \/app\/node_modules\/(\S+) node_modules\/\1$/gm)]
  const { dependencies } = JSON.parse(read('packages/guard/package.json'))
  t.strictSame(copied.map(([, name]) => name).sort(), Object.keys(dependencies).sort())
  t.match(file, /^USER node$/m)
  const { packages } = JSON.parse(read('package-lock.json'))
  for (const name of Object.keys(dependencies)) {
    t.notOk(packages[`node_modules/${name}`].dependencies, `${name} has no dependencies of its own`)
  }
})
