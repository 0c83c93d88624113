import { CLIENT } from '../client.ts'
import { answer, usageCall } from '../processes.ts'
import { openStandalone } from './server.ts'

const { app, postern, listen } = await openStandalone()

async function paths() {
  const newClient = async (tokenFormat: 'jwt' | 'opaque') => {
    const { client, secret } = await postern.clients.create({
      name: `bench ${tokenFormat}`,
      grantTypes: ['client_credentials'],
      scopes: [CLIENT.scope],
      tokenFormat,
    })
    return { id: client.id, secret: secret as string }
  }
  const at = { token: '/oauth/token', introspect: '/oauth/introspect', jwt: {}, opaque: {} }
  return { ...at, client: await newClient('jwt'), opaqueClient: await newClient('opaque') }
}

export const calls = answer({ listen, paths, usage: usageCall() }, () => app.close())
