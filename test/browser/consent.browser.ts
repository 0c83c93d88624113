import assert from 'node:assert/strict'
import { after } from 'node:test'
import { newUser } from '../helpers/app.ts'
import { walk } from './profiles.ts'
import { opens, services } from './setup.ts'
import { thirdParty } from './third-party.ts'

const both = '?scope=orders:read+reports'

walk('an app that somebody else built is let in, asks again, is turned away, and is shut out', async visitor => {
  const app = await thirdParty('Calendar')
  after(app.close)
  await visitor.goto(app.url + both)
  await visitor.checkPage('sign-in-for-app')
  await visitor.signIn(await newUser(services))

  await visitor.sees('Let Calendar in?')
  await visitor.checkPage('consent')
  await visitor.tick('See reports', false)
  await visitor.go('Let it in')
  await visitor.sees('The API answers 200. May: orders:read.')

  await visitor.goto(`${app.url}?scope=orders:read`)
  await visitor.sees('The API answers 200. May: orders:read.')
  assert.equal(app.tokens.length, 2, 'what was let in once is not asked again')

  await visitor.goto(app.url + both)
  await visitor.checkPage('consent-again')
  await visitor.go('Do not let it in')
  await visitor.sees('Refused: access_denied')
  assert.equal(app.tokens.length, 2)

  await visitor.goto('/apps')
  await visitor.checkPage('apps')
  await visitor.go('Shut it out…')
  await visitor.checkPage('app-shut-out')
  await visitor.go('Shut it out')
  await visitor.sees('is shut out.')
  await visitor.checkPage('apps-empty')
  for (const token of app.tokens) assert.equal(await opens(token), 401)
  await visitor.goto(`${app.url}?scope=orders:read`)
  await visitor.sees('Let Calendar in?')
})
