import assert from 'node:assert/strict'
import { after } from 'node:test'
import { newUser } from '../helpers/app.ts'
import { walk } from './profiles.ts'
import { opens, services } from './setup.ts'
import { thirdParty } from './third-party.ts'

const both = '?scope=orders:read+reports'

walk('a third-party app is authorized, requests more, is denied, and loses access', async visitor => {
  const app = await thirdParty('Calendar')
  after(app.close)
  await visitor.goto(app.url + both)
  await visitor.checkPage('sign-in-for-app')
  await visitor.signIn(await newUser(services))

  await visitor.sees('Authorize Calendar?')
  await visitor.checkPage('consent')
  await visitor.tick('See reports', false)
  await visitor.go('Authorize')
  await visitor.sees('The API answers 200. May: orders:read.')

  await visitor.goto(`${app.url}?scope=orders:read`)
  await visitor.sees('The API answers 200. May: orders:read.')
  assert.equal(app.tokens.length, 2, 'remembered consent is not requested again')

  await visitor.goto(app.url + both)
  await visitor.checkPage('consent-again')
  await visitor.go('Cancel')
  await visitor.sees('Refused: access_denied')
  assert.equal(app.tokens.length, 2)

  await visitor.goto('/apps')
  await visitor.checkPage('apps')
  await visitor.go('Revoke access…')
  await visitor.checkPage('app-withdraw')
  await visitor.go('Revoke access')
  await visitor.sees('no longer has access.')
  await visitor.checkPage('apps-empty')
  for (const token of app.tokens) assert.equal(await opens(token), 401)
  await visitor.goto(`${app.url}?scope=orders:read`)
  await visitor.sees('Authorize Calendar?')
})
