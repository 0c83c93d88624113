import t, { type Test } from 'tap'
import { FetchError } from '../../src/fetch/error.ts'
import { parseDocumentUrl } from '../../src/fetch/url.ts'

const GOOD = [
  'https://app.example.com/client.json',
  'https://app.example.com:8443/client.json?v=1',
  'https://xn--bcher-kva.example/c',
  'https://[2606:4700::1111]/c',
]

const BAD = {
  'another scheme': [
    'http://app.example.com/c',
    'ftp://app.example.com/c',
    'file:///etc/passwd',
    'data:application/json,{}',
  ],
  'a user': ['https://user@app.example.com/c', 'https://u:p@app.example.com/c', 'https://@app.example.com/c'],
  'an at sign in the path, which looks like a user': ['https://app.example.com/@c'],
  'a fragment': ['https://app.example.com/c#x', 'https://app.example.com/c#'],
  'dot segments': [
    'https://app.example.com/a/../c',
    'https://app.example.com/./c',
    'https://app.example.com/%2e%2e/c',
    'https://app.example.com/a/.%2E/c',
    'https://app.example.com/..',
  ],
  'addresses in other notations': [
    'https://2130706433/c',
    'https://0177.0.0.1/c',
    'https://0x7f.0.0.1/c',
    'https://127.1/c',
    'https://127.0.0.1./c',
    'https://[::ffff:127.0.0.1]/c',
    'https://[0:0:0:0:0:0:0:1]/c',
    'https://①②⑦.0.0.1/c',
  ],
  'another spelling': [
    'https://App.example.com/c',
    'HTTPS://app.example.com/c',
    'https://app.example.com:443/c',
    'https://app.example.com',
    'https://app.example.com./c',
    'https:/app.example.com/c',
    'https:\\\\app.example.com\\c',
    'https://app.example.com\\@evil.example/c',
    'https://bücher.example/c',
    'https://%61pp.example.com/c',
  ],
  'characters that are dropped': [
    ' https://app.example.com/c',
    'https://app.exa\tmple.com/c',
    'https://app.example.com/c\n',
  ],
  'no URL': [
    '',
    '/client.json',
    'app.example.com/c',
    'https://',
    'https://[::1/c',
    `https://a.example/${'c'.repeat(2_000)}`,
  ],
}

const isRefused = (t: Test, url: string, allowLoopback = false) =>
  t.throws(() => parseDocumentUrl(url, { allowLoopback }), FetchError, JSON.stringify(url))

t.test('a URL in normal form is accepted', async t => {
  for (const url of GOOD) t.equal(parseDocumentUrl(url).href, url)
})

for (const [what, urls] of Object.entries(BAD)) {
  t.test(`refused: ${what}`, async t => {
    for (const url of urls) {
      isRefused(t, url)
      isRefused(t, url, true)
    }
  })
}

t.test('http is for loopback addresses in development', async t => {
  for (const url of [
    'http://localhost:9000/c',
    'http://127.0.0.1/c',
    'http://[::1]:9000/c',
    'http://app.localhost/c',
  ]) {
    isRefused(t, url)
    t.equal(parseDocumentUrl(url, { allowLoopback: true }).href, url)
  }
  for (const url of ['http://10.0.0.1/c', 'http://localhost.example.com/c', 'http://0.0.0.0/c']) isRefused(t, url, true)
})
