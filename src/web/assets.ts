import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'
import type { FastifyPluginAsync } from 'fastify'
import type { Config } from '../config/config.ts'
import { acceptedEncodings } from './accept.ts'
import { brandStyles } from './brand.ts'
import { loadLogo } from './logo.ts'
import { isDevelopment } from './site.ts'

/** A file that pages load. Its URL changes with its content, so browsers can cache it permanently. */
interface Asset {
  path: string
  type: string
  content: string | Buffer
}

const own = (name: string) => readFileSync(`${import.meta.dirname}/assets/${name}`, 'utf8')

/** One file, to save requests. Each part refers to what comes before it. */
const STYLES = ['tokens.css', 'postern.css', 'controls.css', 'components.css'].map(own)
const script: Asset = { path: '/assets/postern.js', type: 'text/javascript', content: own('postern.js') }
export const icon = { path: '/assets/icon.svg', type: 'image/svg+xml', content: own('icon.svg') } satisfies Asset

const versioned = ({ path, content }: Asset) => `${path}?v=${hash('sha256', content).slice(0, 12)}`

export interface Assets {
  files: readonly Asset[]
  /** Paths relative to the base of the site. */
  paths: { stylesheet: string; script: string; icon: string }
  /** The logo of the operator. */
  logo: { path: string; width: number; height: number } | undefined
}

/** @throws StartupError for a logo that cannot be used */
export function createAssets(config: Pick<Config, 'issuer' | 'brandColor' | 'brandLogoFile'>): Assets {
  const { brandColor, brandLogoFile } = config
  const more = isDevelopment(config) ? [own('development.css')] : []
  const styles = [brandStyles(brandColor), ...STYLES, ...more].join('\n')
  const stylesheet = { path: '/assets/postern.css', type: 'text/css', content: styles }
  const paths = { stylesheet: versioned(stylesheet), script: versioned(script), icon: versioned(icon) }
  const files = [stylesheet, script, icon]
  if (brandLogoFile === undefined) return { files, paths, logo: undefined }
  const { width, height, ...image } = loadLogo(brandLogoFile)
  const logo = { path: `/assets/logo.${image.type === 'image/png' ? 'png' : 'svg'}`, ...image }
  return { files: [...files, logo], paths, logo: { path: versioned(logo), width, height } }
}

const compressors = { br: promisify(brotliCompress), gzip: promisify(gzip) } as const
type Encoding = keyof typeof compressors

/** What an image of the operator may do when somebody opens it by itself: nothing. */
const IMAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

/** Assets are compressed; pages are not (docs/adr/0021). */
export function assetRoutes({ files }: Assets): FastifyPluginAsync {
  return async app => {
    for (const asset of files) {
      const send = encoder(asset.content)
      const name = versioned(asset)
      app.get(asset.path, { schema: { hide: true } as never }, async (request, reply) => {
        const isPng = asset.type === 'image/png'
        const encoding = isPng ? undefined : accepted(request.raw)
        reply.type(isPng ? asset.type : `${asset.type}; charset=utf-8`).header('vary', 'accept-encoding')
        if (asset.type.startsWith('image/')) reply.header('content-security-policy', IMAGE_POLICY)
        // A URL of an older or newer node names another content, so the response must not be cached under it.
        const named = request.url.endsWith(name)
        reply.header('cache-control', named ? 'public, max-age=31536000, immutable' : 'no-cache')
        if (!encoding) return asset.content
        reply.header('content-encoding', encoding)
        return send(encoding)
      })
    }
  }
}

/** Compresses a content once for each encoding, at the first request. */
function encoder(content: string | Buffer): (encoding: Encoding) => Promise<Buffer> {
  const encoded = new Map<Encoding, Promise<Buffer>>()
  return encoding => {
    const known = encoded.get(encoding) ?? compressors[encoding](content)
    encoded.set(encoding, known)
    return known
  }
}

/** Brotli if it is acceptable, else gzip. The client's preference between the two is ignored. */
const accepted = (request: IncomingMessage): Encoding | undefined => {
  const named = acceptedEncodings(request)
  return (['br', 'gzip'] as const).find(encoding => named.includes(encoding))
}
