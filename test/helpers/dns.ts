import { createSocket, type RemoteInfo } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'

type Test = { teardown(work: () => unknown): void }

/** A DNS server (RFC 1035) that answers questions for A and AAAA from a table. */
export interface DnsServer {
  /** Where it listens, as `Resolver.setServers` takes it. */
  address: string
  /** The addresses of each name; no entry: the name does not exist; null: it never answers. May be changed. */
  addresses: Map<string, string[] | null>
  /** The names that were asked for, in order; a question for A and AAAA counts twice. */
  questions: string[]
}

const TYPES: Record<number, 4 | 6> = { 1: 4, 28: 6 }

export async function openDns(t: Test, addresses: Record<string, string[] | null> = {}): Promise<DnsServer> {
  const socket = createSocket('udp4')
  const table = new Map(Object.entries(addresses))
  const questions: string[] = []
  socket.on('message', (query: Buffer, { port, address }: RemoteInfo) => {
    const { name, end } = readName(query)
    questions.push(name)
    const found = table.get(name)
    if (found === null) return
    const family = TYPES[query.readUInt16BE(end)]
    const records = (found ?? []).filter(one => (isIPv6(one) ? 6 : 4) === family)
    socket.send(answer(query.subarray(0, end + 4), records, found === undefined), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  return { address: `127.0.0.1:${socket.address().port}`, addresses: table, questions }
}

const HEADER_BYTES = 12

/** @returns the name of the first question, and where its type begins */
function readName(query: Buffer): { name: string; end: number } {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = query[at] as number; length > 0; length = query[at] as number) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 }
}

function answer(question: Buffer, addresses: string[], isUnknown: boolean): Buffer {
  const head = Buffer.from(question)
  head.writeUInt16BE(0x8180 | (isUnknown ? 3 : 0), 2)
  head.writeUInt16BE(addresses.length, 6)
  head.fill(0, 8, HEADER_BYTES)
  return Buffer.concat([head, ...addresses.map(toRecord)])
}

/** A record for the name of the question, without a lifetime, so that nothing on the way keeps it. */
function toRecord(address: string): Buffer {
  const bytes = isIPv6(address) ? ipv6Bytes(address) : Buffer.from(address.split('.').map(Number))
  const head = Buffer.alloc(HEADER_BYTES)
  head.writeUInt16BE(0xc00c, 0)
  head.writeUInt16BE(isIPv6(address) ? 28 : 1, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(bytes.length, 10)
  return Buffer.concat([head, bytes])
}

function ipv6Bytes(address: string): Buffer {
  const [head = '', tail = ''] = (URL.parse(`http://[${address}]`)?.hostname.slice(1, -1) ?? '').split('::')
  const groups = (text: string) => text.split(':').filter(Boolean)
  const zeros = Array(8 - groups(head).length - groups(tail).length).fill('0')
  const bytes = Buffer.alloc(16)
  const all = [...groups(head), ...zeros, ...groups(tail)]
  all.forEach((group, i) => {
    bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * i)
  })
  return bytes
}
