import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'
import type { FastifyPluginAsync } from 'fastify'
import { acceptedEncodings } from './accept.ts'

/** A file that pages load. Its name changes with it, so that browsers may keep it for good. */
interface Asset {
  path: string
  type: string
  text: string
}

const own = (name: string) => readFileSync(`${import.meta.dirname}/assets/${name}`, 'utf8')
const pico = readFileSync(fileURLToPath(import.meta.resolve('@picocss/pico/css/pico.min.css')), 'utf8')

/** One sheet, the library's and then ours: one request, and ours has the last word. */
const stylesheet: Asset = {
  path: '/assets/postern.css',
  type: 'text/css',
  text: [pico, own('postern.css'), own('rooms.css')].join('\n'),
}
const script: Asset = { path: '/assets/postern.js', type: 'text/javascript', text: own('postern.js') }
export const icon: Asset = { path: '/assets/icon.svg', type: 'image/svg+xml', text: own('icon.svg') }

const versioned = ({ path, text }: Asset) => `${path}?v=${hash('sha256', text).slice(0, 12)}`

/** Where pages find what they load, below the base of the site. */
export const ASSETS = { stylesheet: versioned(stylesheet), script: versioned(script), icon: versioned(icon) } as const

const compressors = { br: promisify(brotliCompress), gzip: promisify(gzip) } as const
type Encoding = keyof typeof compressors

/** Of all that people are sent, only this is compressed (docs/adr/0021). */
export const assetRoutes: FastifyPluginAsync = async app => {
  for (const asset of [stylesheet, script, icon]) {
    const send = encoder(asset.text)
    const name = versioned(asset)
    app.get(asset.path, { schema: { hide: true } as never }, async (request, reply) => {
      const encoding = accepted(request.raw)
      reply.type(`${asset.type}; charset=utf-8`).header('vary', 'accept-encoding')
      // By another name, which an older or newer node gave it, it must not be kept as what that node would send.
      const named = request.url.endsWith(name)
      reply.header('cache-control', named ? 'public, max-age=31536000, immutable' : 'no-cache')
      if (!encoding) return asset.text
      reply.header('content-encoding', encoding)
      return send(encoding)
    })
  }
}

/** Compresses a text once for each encoding, when it is first asked for. */
function encoder(text: string): (encoding: Encoding) => Promise<Buffer> {
  const made = new Map<Encoding, Promise<Buffer>>()
  return encoding => {
    const known = made.get(encoding) ?? compressors[encoding](text)
    made.set(encoding, known)
    return known
  }
}

/** The best of ours that is named; what weighs more does not matter for two. */
const accepted = (request: IncomingMessage): Encoding | undefined => {
  const named = acceptedEncodings(request)
  return (['br', 'gzip'] as const).find(encoding => named.includes(encoding))
}
