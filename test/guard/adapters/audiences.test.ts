import t from 'tap'
import { newUser } from '../../helpers/app.ts'
import { embedded } from '../../helpers/embedding.ts'
import { listeningIssuer } from '../../helpers/issuer.ts'
import { FRAMEWORKS, serving } from './servers.ts'

const ORDERS = 'https://orders.example.com'
const REPORTS = 'https://reports.example.com'
const DEPLOYMENT = 'https://api.example.com'
const FORMATS = ['jwt', 'opaque'] as const

/** What a token is for, and whether the Orders API, an API with both audiences, and the issuer's own process accept it. */
const ROWS: [name: string, resources: string[] | undefined, orders: number, both: number, local: number][] = [
  ['own audience', [ORDERS], 200, 200, 401],
  ['own audience in another spelling', ['HTTPS://ORDERS.example.com:443'], 200, 200, 401],
  ['the deployment’s', undefined, 200, 200, 200],
  ['another API’s', [REPORTS], 401, 200, 401],
  ['several, its own among them', [REPORTS, ORDERS], 200, 200, 401],
]

t.test('guards far from the issuer, in every framework', async t => {
  const { issuer, services } = await listeningIssuer(t, { audience: DEPLOYMENT })
  const user = await newUser(services)
  const { client, secret } = await services.clients.create({ name: 'Orders API', audience: ORDERS })
  await services.clients.create({ name: 'Reports API', audience: REPORTS })
  const reports = { clientId: client.id, clientSecret: String(secret) }
  for (const framework of Object.keys(FRAMEWORKS)) {
    const orders = await serving(t, framework, { issuer, audience: ORDERS, ...reports })
    const both = await serving(t, framework, { issuer, audience: [ORDERS, REPORTS] })
    for (const [name, resources, own, either] of ROWS) {
      for (const format of FORMATS) {
        const issued = await services.tokens.issuePersonal({ user, name, scopes: ['orders:read'], format, resources })
        t.equal(await orders.status(issued.plainText), own, `${framework}, ${format}: ${name}`)
        // Without a client of its own a guard checks JWTs only.
        const due = format === 'jwt' ? either : 401
        t.equal(await both.status(issued.plainText), due, `${framework}, ${format}, two audiences: ${name}`)
      }
    }
  }
})

t.test('the guard in the process of the issuer, in every framework', async t => {
  const catalogue = [{ id: 'orders:read', description: 'Read orders', default: true }]
  const postern = await embedded(t, { catalogue, audience: DEPLOYMENT })
  const user = await postern.users.create({ email: 'ada@example.com', name: 'Ada', password: 'correct horse battery' })
  await postern.clients.create({ name: 'Orders API', audience: ORDERS })
  await postern.clients.create({ name: 'Reports API', audience: REPORTS })
  for (const framework of Object.keys(FRAMEWORKS)) {
    const local = await serving(t, framework, postern.guard)
    for (const [name, resources, , , due] of ROWS) {
      for (const format of FORMATS) {
        const issued = await postern.tokens.issuePersonal({ user, name, scopes: ['orders:read'], format, resources })
        t.equal(await local.status(issued.plainText), due, `${framework}, ${format}: ${name}`)
      }
    }
  }
})
