// Writes the software bill of materials of the published package (CycloneDX 1.6) from the lock file: npm run sbom.
// `npm sbom --omit=dev` leaves out packages that development needs too. The same lock file gives the same bytes.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

const read = file => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')
const lockFile = read('package-lock.json')
const { packages } = JSON.parse(lockFile)
const own = JSON.parse(read('package.json'))

const nameOf = (path, entry) => entry.name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
const purl = (name, version) => `pkg:npm/${name.replace(/^@/, '%40')}@${version}`

/** The package that `name` means in the folder `from`: Node looks in its own folder first, then further up. */
function resolve(from, name) {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const path = `${at && `${at}/`}node_modules/${name}`
    if (packages[path]) return path
    if (!at) return undefined
  }
}

/** Paths of all packages that the package at `path` needs to run. */
function dependenciesOf(path) {
  const {
    dependencies = {},
    optionalDependencies = {},
    peerDependencies = {},
    peerDependenciesMeta = {},
  } = packages[path]
  const peers = Object.keys(peerDependencies).filter(name => !peerDependenciesMeta[name]?.optional)
  const names = [...new Set([...Object.keys(dependencies), ...Object.keys(optionalDependencies), ...peers])]
  return names.map(name => resolve(path, name)).filter(found => found !== undefined && !packages[found].link)
}

function reachable() {
  const found = new Set()
  const visit = path => {
    for (const dependency of dependenciesOf(path)) {
      if (found.has(dependency)) continue
      found.add(dependency)
      visit(dependency)
    }
  }
  visit('')
  return [...found].sort()
}

const reference = path => purl(nameOf(path, packages[path]), packages[path].version)
const hash = integrity => Buffer.from(integrity.slice(integrity.indexOf('-') + 1), 'base64').toString('hex')
const license = text => (/^[\w.+-]+$/.test(text) ? { license: { id: text } } : { expression: text })

function component(path) {
  const { version, integrity, license: terms, optional } = packages[path]
  return {
    type: 'library',
    'bom-ref': reference(path),
    name: nameOf(path, packages[path]),
    version,
    scope: optional ? 'optional' : 'required',
    hashes: [{ alg: 'SHA-512', content: hash(integrity) }],
    licenses: [license(terms)],
    purl: reference(path),
  }
}

const byReference = list => [...new Map(list.map(each => [each['bom-ref'] ?? each.ref, each])).values()]
const paths = reachable()
const main = purl(own.name, own.version)
const digest = createHash('sha256').update(lockFile).digest('hex')
// A UUID of version 8 (RFC 9562 §5.8) from the contents, since a random one would differ each time.
const serial = digest.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-8$3-8$4-$5')

process.stdout.write(
  `${JSON.stringify(
    {
      $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
      bomFormat: 'CycloneDX',
      specVersion: '1.6',
      serialNumber: `urn:uuid:${serial}`,
      version: 1,
      metadata: {
        component: {
          type: 'application',
          'bom-ref': main,
          name: own.name,
          version: own.version,
          licenses: [license(own.license)],
          purl: main,
        },
      },
      components: byReference(paths.map(component)),
      dependencies: byReference(
        ['', ...paths].map(path => ({
          ref: path ? reference(path) : main,
          dependsOn: [...new Set(dependenciesOf(path).map(reference))].sort(),
        })),
      ),
    },
    null,
    2,
  )}\n`,
)
