import { decodeJwt } from 'jose'
import t from 'tap'
import { STATUS, StatusBits } from '../../packages/guard/src/status-bits.ts'
import { createTokenImporter } from '../../src/tokens/import.ts'
import { actingAs, testApp } from '../helpers/app.ts'
import { exchangeOf, form } from '../helpers/oauth.ts'
import { requester } from '../helpers/requester.ts'
import { type Reference, referenceOf } from '../helpers/status.ts'

/** A status event is written for a new row that is not valid, so that resource servers do not take it for valid. */

const { app, services } = await testApp(t)

const referenceOfList = (list: number) => `${services.config.issuer}/oauth/status-lists/${list}`

/** What the published list says. */
async function listed(reference: Pick<Reference, 'idx' | 'uri'>): Promise<number> {
  const { pathname } = new URL(reference.uri)
  const { lst } = decodeJwt((await app.inject(pathname)).body).status_list as { lst: string }
  return StatusBits.decode(lst).get(reference.idx)
}

t.test('what is exchanged for a token that says too much says so too', async t => {
  const { id, token, headers } = await actingAs(services, ['orders:read', 'reports', 'tokens:write'])
  const before = await form(app, '/oauth/token', exchangeOf(token))
  t.equal(await listed(referenceOf(before.json().access_token)), STATUS.valid)
  const change = { scopes: ['orders:read', 'tokens:write'] }
  t.equal((await requester(app, headers).patch(`/api/tokens/${id}`, change)).statusCode, 200)
  const after = await form(app, '/oauth/token', exchangeOf(token))
  t.equal(await listed(referenceOf(after.json().access_token)), STATUS.changed)
})

t.test('a row that some other program inserts', async t => {
  const { id, token, user } = await actingAs(services, ['orders:read'])
  const reference = referenceOf(token)
  t.equal(await listed(reference), STATUS.valid)
  const uri = reference.uri
  const columns = 'user_id, client_id, name, scopes, format, created_at, updated_at, expires_at, status_list'
  let idx = 900_000
  const insert = async (values: Record<string, unknown> = {}) => {
    const names = Object.keys(values)
    const more = names.map(name => `, ${name}`).join('')
    const marks = names.map(() => ', ?').join('')
    await services.db.query(
      `insert into oauth_access_tokens (id, status_index, ${columns}${more})
       select gen_random_uuid(), ?, ${columns}${marks} from oauth_access_tokens where id = ?`,
      [++idx, ...Object.values(values), id],
    )
    return listed({ uri, idx })
  }
  t.equal(await insert(), STATUS.valid)
  t.equal(await insert({ revoked: true }), STATUS.revoked)
  t.equal(await insert({ suspended: true }), STATUS.suspended)
  t.equal(await insert({ parent_id: id }), STATUS.valid)
  await services.tokens.change(user, id, { suspended: true })
  t.equal(await insert({ parent_id: id }), STATUS.suspended, 'exchanged for a suspended one')
  await services.tokens.change(user, id, { suspended: false })
  await services.tokens.revoke(user.id, id)
  t.equal(await insert({ parent_id: id }), STATUS.revoked, 'or a revoked one')
  await services.users.disable(user.id)
  t.equal(await insert(), STATUS.suspended, 'of a user who is disabled')
})

t.test('tokens that are imported, many by one statement', async t => {
  const { user, id } = await actingAs(services, ['orders:read'])
  const importTokens = createTokenImporter(services.db)
  const client = (await services.tokens.find(user.id, id)).client
  const expiresAt = new Date(Date.now() + 3_600_000)
  const spec = { user: user.id, client, name: 'imported', scopes: ['orders:read'], expiresAt }
  const mint = async (revoked: boolean) => {
    const { token } = await services.mint({ ...spec, format: 'opaque' })
    return { row: { ...token, revoked }, sourceId: token.id }
  }
  const [good, revoked] = [await mint(false), await mint(true)]
  const referenceTo = ({ row }: typeof good) => ({
    uri: referenceOfList(row.statusList),
    idx: row.statusIndex,
  })
  t.same(await importTokens('test', [good, revoked]), new Set([good.row.id, revoked.row.id]))
  t.equal(await listed(referenceTo(good)), STATUS.valid)
  t.equal(await listed(referenceTo(revoked)), STATUS.revoked)
  t.same(await importTokens('test', [good, revoked]), new Set(), 'each row is imported once')
  const again = { ...(await mint(false)), sourceId: 'other' }
  t.same(
    await importTokens('test', [{ ...again, row: { ...again.row, hash: good.row.hash } }]),
    new Set(),
    'and each text',
  )
  await services.users.disable(user.id)
  const [late, ended] = [await mint(false), await mint(true)]
  t.same(await importTokens('test', [late, ended]), new Set([ended.row.id]), 'a disabled user gets no live token')
})
