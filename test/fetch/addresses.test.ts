import t from 'tap'
import { isPublic } from '../../src/fetch/addresses.ts'

const PUBLIC = [
  '1.1.1.1',
  '8.8.8.8',
  '100.63.255.255',
  '172.32.0.1',
  '223.255.255.255',
  '2606:4700::1111',
  '2a00:1450::1',
]

const SPECIAL = {
  'this network': ['0.0.0.0', '0.1.2.3', '::'],
  loopback: ['127.0.0.1', '127.255.255.254', '::1'],
  private: ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.0.1', 'fc00::1', 'fdff::1'],
  'shared by a provider': ['100.64.0.1', '100.127.255.255'],
  'link-local, where clouds have their metadata': [
    '169.254.169.254',
    'fe80::1',
    'fe80::1%eth0',
    'febf::1',
    'fd00:ec2::254',
  ],
  'site-local': ['fec0::1'],
  'protocol assignments': ['192.0.0.1', '192.0.0.170', '2001:1::1', '2001:20::1', '2001:30::1'],
  documentation: ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1'],
  benchmarking: ['198.18.0.1', '198.19.255.255', '2001:2::1'],
  'services of networks': [
    '192.31.196.1',
    '192.52.193.1',
    '192.175.48.1',
    '2001:3::1',
    '2001:4:112::1',
    '2620:4f:8000::1',
  ],
  'relays of 6to4': ['192.88.99.1'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1'],
  reserved: ['240.0.0.1', '255.255.255.255', '4000::1', 'e000::1'],
  'IPv4-mapped': ['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:8.8.8.8', '0:0:0:0:0:ffff:a00:1'],
  'IPv4-compatible and translated': ['::127.0.0.1', '::ffff:0:127.0.0.1'],
  '6to4': ['2002:7f00:1::1', '2002:808:808::1'],
  NAT64: ['64:ff9b::127.0.0.1', '64:ff9b::808:808', '64:ff9b:1::a00:1'],
  Teredo: ['2001::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
  'discard-only and dummy': ['100::1', '100:0:0:1::1'],
  'segment routing': ['5f00::1'],
  'no address': ['', 'localhost', '127.1', '0x7f.0.0.1', '2130706433', '[::1]'],
}

t.test('addresses of hosts on the Internet are public', async t => {
  for (const address of PUBLIC) t.ok(isPublic(address), address)
})

for (const [kind, addresses] of Object.entries(SPECIAL)) {
  t.test(`not public: ${kind}`, async t => {
    for (const address of addresses) t.notOk(isPublic(address), address)
  })
}
