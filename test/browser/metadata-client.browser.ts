import { after } from 'node:test'
import { newUser } from '../helpers/app.ts'
import { authorizeUrl } from '../helpers/browser.ts'
import { openMetadataHost } from '../helpers/metadata-client.ts'
import { walk } from './profiles.ts'
import { issuer, services } from './setup.ts'

const teardown = (work: () => unknown) => void after(work)

walk('an app that nobody registered: its host, its own name, and for how long', async visitor => {
  const host = await openMetadataHost({ teardown })
  const redirectUri = `${host.origin}/done`
  host.document.redirect_uris = [redirectUri]
  await visitor.goto(issuer + authorizeUrl({ id: host.url, redirectUris: [redirectUri] }))
  await visitor.checkPage('sign-in-for-metadata-client')
  await visitor.signIn(await newUser(services))
  await visitor.sees(`Authorize ${new URL(host.url).host}?`)
  await visitor.sees('The app calls itself Order viewer.')
  await visitor.sees('This app runs on your computer.')
  await visitor.sees('For how long?')
  await visitor.checkPage('consent-metadata-client')
  await visitor.page.getByLabel('1 hour').check()
  await visitor.go('Authorize')
  await visitor.page.waitForURL(url => url.pathname === '/done' && url.searchParams.has('code'))
})
