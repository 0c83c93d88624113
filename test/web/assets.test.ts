import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createAssets } from '../../src/web/assets.ts'
import { testApp } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'

const SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 20"><script>alert(1)</script><rect width="60" height="20"/></svg>'
/** Eight bytes of signature, length and type of IHDR, width 40 and height 20. */
const PNG = Buffer.from('89504e470d0a1a0a0000000d4948445200000028000000140806000000', 'hex')
const config = { issuer: 'https://auth.example.com', brandColor: '#1d4ed8', brandLogoFile: undefined }

const folder = t.testdir()

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

t.test('the operator gives the site a name, a colour and a logo', async t => {
  const brandLogoFile = file('logo.svg', SVG)
  const { app } = await testApp(t, { brandName: 'Example & Sons', brandColor: '#7a1fa2', brandLogoFile })
  const { body } = await new Browser(app).get('/login')
  t.match(body, '<title>Sign in · Example &amp; Sons</title>')
  const [, src = ''] = /<img src="([^"]+)" width="84" height="28" alt="">/.exec(body) ?? []
  const logo = await app.inject(src)
  t.match(logo.headers, {
    'content-type': 'image/svg+xml; charset=utf-8',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    'x-content-type-options': 'nosniff',
    'cache-control': 'public, max-age=31536000, immutable',
  })
  const [, style = ''] = /href="([^"]+\.css[^"]*)"/.exec(body) ?? []
  t.match((await app.inject(style)).body, '--brand:#7a1fa2')
})

t.test('a PNG is served as it is', async t => {
  const { logo, files } = createAssets({ ...config, brandLogoFile: file('logo.png', PNG) })
  t.match(logo, { width: 56, height: 28 })
  t.strictSame(files.at(-1)?.content, PNG)
})

t.test('a file that is no logo stops the start with one line', async t => {
  const refused: [string, RegExp][] = [
    [file('logo.gif', 'GIF89a'), /must be a PNG, or an SVG with a viewBox/],
    [file('plain.svg', '<svg xmlns="http://www.w3.org/2000/svg"/>'), /must be a PNG, or an SVG/],
    [file('large.svg', SVG + ' '.repeat(70_000)), /must have at most 64 KiB/],
    [join(folder, 'none.svg'), /BRAND_LOGO_FILE cannot be read/],
  ]
  for (const [brandLogoFile, message] of refused)
    t.throws(() => createAssets({ ...config, brandLogoFile }), { message })
})

t.test('the components are shown on this computer only', async t => {
  const local = await testApp(t)
  t.equal((await new Browser(local.app).get('/dev/components')).statusCode, 200)
  const { app } = await testApp(t, { issuer: 'https://auth.example.com' })
  t.equal((await app.inject({ url: '/dev/components', headers: { accept: 'text/html' } })).statusCode, 404)
})
