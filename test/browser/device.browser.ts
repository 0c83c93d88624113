import assert from 'node:assert/strict'
import * as oauth from 'openid-client'
import { DEVICE_CODE } from '../../src/grants/device-grant.ts'
import { newUser } from '../helpers/app.ts'
import { walk } from './profiles.ts'
import { opens, services } from './setup.ts'
import { discover } from './third-party.ts'

async function television() {
  const { client } = await services.clients.create({ name: 'Television', public: true, grantTypes: [DEVICE_CODE] })
  const config = await discover(client.id, oauth.None())
  return {
    start: () => oauth.initiateDeviceAuthorization(config, { scope: 'orders:read reports' }),
    poll: (started: oauth.DeviceAuthorizationResponse) =>
      oauth.pollDeviceAuthorizationGrant(config, { ...started, interval: 0.01 }),
  }
}

walk('a device is authorized by the code that it shows, and denied', async visitor => {
  const { start, poll } = await television()
  const first = await start()
  await visitor.goto(first.verification_uri)
  await visitor.signIn(await newUser(services))
  await visitor.checkPage('device')
  await visitor.fill('Code', 'BBBB-BBBB')
  await visitor.go('Continue')
  await visitor.sees('This code is not valid or has expired.')
  await visitor.checkPage('device-unknown')
  await visitor.fill('Code', first.user_code.toLowerCase())
  await visitor.go('Continue')
  await visitor.sees(first.user_code)
  await visitor.checkPage('device-confirm')
  await visitor.tick('See reports', false)
  await visitor.go('Authorize')
  await visitor.sees('Device connected')
  await visitor.checkPage('device-done')
  const { access_token, scope } = await poll(first)
  assert.equal(scope, 'orders:read')
  assert.equal(await opens(access_token), 200)

  const second = await start()
  await visitor.goto(second.verification_uri_complete as string)
  await visitor.go('Cancel')
  await visitor.sees('Device not connected')
  await visitor.checkPage('device-denied')
  await assert.rejects(poll(second), { error: 'access_denied' })
})
