import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'
import type { FastifyPluginAsync } from 'fastify'
import { acceptedEncodings } from './accept.ts'

/** A file that pages load. Its URL changes with its content, so browsers can cache it permanently. */
interface Asset {
  path: string
  type: string
  text: string
}

const own = (name: string) => readFileSync(`${import.meta.dirname}/assets/${name}`, 'utf8')
const pico = readFileSync(fileURLToPath(import.meta.resolve('@picocss/pico/css/pico.min.css')), 'utf8')

/** The library's stylesheet and ours in one file, to save a request. Ours comes last and overrides the library's. */
const stylesheet: Asset = {
  path: '/assets/postern.css',
  type: 'text/css',
  text: [pico, own('postern.css'), own('rooms.css')].join('\n'),
}
const script: Asset = { path: '/assets/postern.js', type: 'text/javascript', text: own('postern.js') }
export const icon: Asset = { path: '/assets/icon.svg', type: 'image/svg+xml', text: own('icon.svg') }

const versioned = ({ path, text }: Asset) => `${path}?v=${hash('sha256', text).slice(0, 12)}`

/** Paths of the assets, relative to the base of the site. */
export const ASSETS = { stylesheet: versioned(stylesheet), script: versioned(script), icon: versioned(icon) } as const

const compressors = { br: promisify(brotliCompress), gzip: promisify(gzip) } as const
type Encoding = keyof typeof compressors

/** Assets are compressed; pages are not (docs/adr/0021). */
export const assetRoutes: FastifyPluginAsync = async app => {
  for (const asset of [stylesheet, script, icon]) {
    const send = encoder(asset.text)
    const name = versioned(asset)
    app.get(asset.path, { schema: { hide: true } as never }, async (request, reply) => {
      const encoding = accepted(request.raw)
      reply.type(`${asset.type}; charset=utf-8`).header('vary', 'accept-encoding')
      // A URL of an older or newer node names another content, so the response must not be cached under it.
      const named = request.url.endsWith(name)
      reply.header('cache-control', named ? 'public, max-age=31536000, immutable' : 'no-cache')
      if (!encoding) return asset.text
      reply.header('content-encoding', encoding)
      return send(encoding)
    })
  }
}

/** Compresses a text once for each encoding, at the first request. */
function encoder(text: string): (encoding: Encoding) => Promise<Buffer> {
  const made = new Map<Encoding, Promise<Buffer>>()
  return encoding => {
    const known = made.get(encoding) ?? compressors[encoding](text)
    made.set(encoding, known)
    return known
  }
}

/** Brotli if it is acceptable, else gzip. The client's preference between the two is ignored. */
const accepted = (request: IncomingMessage): Encoding | undefined => {
  const named = acceptedEncodings(request)
  return (['br', 'gzip'] as const).find(encoding => named.includes(encoding))
}
