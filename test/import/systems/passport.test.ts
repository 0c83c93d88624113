import { decodeJwt } from 'jose'
import t from 'tap'
import { legacyScope } from '../../../src/imported/scopes.ts'
import { readPublicKey, trustKey } from '../../../src/imported/trusted-keys.ts'
import {
  type FixtureToken,
  fixture,
  fixturePath,
  type ImportRig,
  importInto,
  importRig,
  sourcesOf,
  until,
} from '../../helpers/imports.ts'
import { basic, form } from '../../helpers/oauth.ts'

/** Every text of the fixtures means here what it meant to Passport itself. */

const ZONES: Record<string, string> = { passport12: 'Europe/Berlin', passport13: 'UTC' }
const isAccess = ({ plain }: FixtureToken) => plain.startsWith('ey')

/** Scopes that are NULL end a request with 500 there, as soon as a scope is looked at; here the token has none. */
const works = ({ expect }: FixtureToken) => expect.works || expect.status === 500

/** Scopes of the catalogue keep their names. */
const scopeHere = ({ services }: ImportRig, scope: string) =>
  scope === '*' || services.catalogue.has(scope) ? scope : legacyScope(scope)

async function imported(rig: ImportRig, folder: string, from = fixturePath(folder, `${folder}.sql`)) {
  await trustKey(rig.services.bus, 'passport', await readPublicKey(fixturePath(folder, 'oauth-public.key')))
  const options = { timeZone: ZONES[folder] as string, appKey: fixturePath(folder, 'env') }
  return importInto(rig.services, 'passport', from, options)
}

for (const folder of Object.keys(ZONES)) {
  const { tokens, clients, users } = fixture(folder)
  const access = tokens.filter(isAccess)

  async function emailOf({ expect }: FixtureToken): Promise<string | null> {
    return expect.user ?? null
  }

  for (const source of sourcesOf(folder)) {
    t.test(`${folder}: tokens from ${source.name}`, { skip: source.skip }, async t => {
      const rig = await importRig(t)
      await imported(rig, folder, await source.open(t))
      await until(200, () => rig.remote(access.find(works)?.plain as string))
      for (const token of access) {
        const { key, plain, expect } = token
        const seen = await rig.remote(plain)
        const own = await rig.own(plain)
        if (!works(token)) {
          t.equal(seen.status, 401, key)
          t.equal(own.status, 401, key)
          continue
        }
        t.equal(seen.status, 200, key)
        const email = await emailOf(token)
        if (email !== null) t.equal(seen.user, (await rig.services.users.findByEmail(email))?.id, key)
        else if (expect.status !== 500) t.equal(seen.user, null, key)
        t.equal(own.status, seen.user === null ? 403 : 200, key)
        const scopes: string[] = expect.scopes ?? (expect.status === 500 && folder === 'passport12' ? [] : undefined)
        if (scopes)
          t.strictSame(
            seen.scopes,
            scopes.map(scope => scopeHere(rig, scope)),
            key,
          )
      }
    })
  }

  t.test(`${folder}: the expiry of the text applies, whatever its row says`, async t => {
    const rig = await importRig(t)
    await imported(rig, folder)
    for (const { key, plain } of access.filter(token => works(token) && token.db)) {
      await rig.own(plain)
      const { jti, exp } = decodeJwt(plain)
      const [row] = await rig.services.db.query<{ expires_at: string }>(
        `select t.expires_at from oauth_access_tokens t join oauth_imported_rows r on r.row_id = t.id where r.source_id = ?`,
        [jti],
      )
      t.ok(Math.abs(new Date(row?.expires_at as string).getTime() - (exp as number) * 1_000) < 1_001, key)
    }
  })

  t.test(`${folder}: without its key a JWT is nothing, and no other key opens it`, async t => {
    const rig = await importRig(t)
    const other = folder === 'passport12' ? 'passport13' : 'passport12'
    await trustKey(rig.services.bus, 'passport', await readPublicKey(fixturePath(other, 'oauth-public.key')))
    await importInto(rig.services, 'passport', fixturePath(folder, `${folder}.sql`), {
      timeZone: ZONES[folder] as string,
    })
    for (const { key, plain } of access) {
      t.equal((await rig.own(plain)).status, 401, key)
      t.equal((await rig.remote(plain)).status, 401, key)
    }
  })

  t.test(`${folder}: a token that is revoked here is refused everywhere within a moment`, async t => {
    const rig = await importRig(t)
    await imported(rig, folder)
    for (const { plain } of access.filter(works)) {
      await until(200, () => rig.remote(plain))
      const [row] = await rig.services.db.query<{ id: string }>(
        'select row_id as id from oauth_imported_rows where source_id = ?',
        [decodeJwt(plain).jti],
      )
      t.equal(await rig.services.revokeToken(row?.id as string), 1)
      t.equal((await rig.own(plain)).status, 401)
      await until(401, () => rig.remote(plain))
    }
  })

  t.test(`${folder}: refresh tokens are exchanged for ours, once, by the client ids that they had`, async t => {
    const rig = await importRig(t)
    await imported(rig, folder)
    for (const { key, plain, expect, ...more } of tokens.filter(({ kind }) => kind === 'refresh token')) {
      const { decrypted } = more as unknown as { decrypted: { client_id: string } }
      const client = Object.values(clients).find(({ db }) => String(db.id) === decrypted.client_id)
      const params = { grant_type: 'refresh_token', refresh_token: plain }
      const ask = (text = plain) =>
        client.secret === null
          ? form(rig.server, '/oauth/token', { ...params, refresh_token: text, client_id: decrypted.client_id })
          : form(
              rig.server,
              '/oauth/token',
              { ...params, refresh_token: text },
              basic(decrypted.client_id, client.secret),
            )
      const first = await ask()
      t.equal(first.statusCode === 200, expect.works, `${key} ${first.body}`)
      if (!expect.works) continue
      t.equal((await ask(first.json().refresh_token)).statusCode, 200, key)
      t.equal((await ask()).statusCode, 400, `${key}, a second time`)
    }
  })

  t.test(`${folder}: people sign in with their passwords`, async t => {
    const { services } = await importRig(t)
    await importInto(services, 'passport', fixturePath(folder, `${folder}.sql`))
    for (const { email, password, deleted } of users) {
      t.equal(await services.users.authenticate(email, `y${password}`), undefined)
      t.equal((await services.users.authenticate(email, password)) !== undefined, !deleted, email)
    }
  })

  t.test(`${folder}: a second import changes nothing`, async t => {
    const rig = await importRig(t)
    const first = await imported(rig, folder)
    for (const { plain } of access) await rig.own(plain)
    await rig.services.usage.flush()
    const rows = () =>
      rig.services.db.query(`
        select id, xmin::text from oauth_access_tokens union all select id, xmin::text from oauth_refresh_tokens
        union all select id, xmin::text from users union all select id, xmin::text from oauth_clients order by id`)
    const before = await rows()
    const second = await imported(rig, folder)
    t.strictSame(await rows(), before)
    t.equal(second.counts.tokens.known, first.counts.tokens.imported)
  })
}
