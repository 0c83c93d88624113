import { readFileSync, statSync } from 'node:fs'
import { StartupError } from '../errors/errors.ts'

/** An image of the operator. Its size is known, so that the page does not move when it has loaded. */
export interface Logo {
  type: 'image/png' | 'image/svg+xml'
  content: Buffer
  /** In pixels, at the height that the pages show it in. */
  width: number
  height: number
}

const MAX_BYTES = 65_536
const HEIGHT = 28
const MAX_WIDTH = 240
const PNG = Buffer.from('89504e470d0a1a0a', 'hex')

/** @throws StartupError with one line for a file that cannot be read, is too large, or is neither SVG nor PNG */
export function loadLogo(file: string): Logo {
  const content = read(file)
  const isPng = content.subarray(0, PNG.length).equals(PNG)
  const ratio = isPng ? pngRatio(content) : svgRatio(content.toString('utf8'))
  if (ratio === undefined || !Number.isFinite(ratio) || ratio <= 0) {
    throw new StartupError(`BRAND_LOGO_FILE must be a PNG, or an SVG with a viewBox: ${file}`)
  }
  const width = Math.min(MAX_WIDTH, Math.max(1, Math.round(HEIGHT * ratio)))
  const height = Math.min(HEIGHT, Math.max(1, Math.round(width / ratio)))
  return { type: isPng ? 'image/png' : 'image/svg+xml', content, width, height }
}

function read(file: string): Buffer {
  try {
    if (statSync(file).size <= MAX_BYTES) return readFileSync(file)
  } catch (error) {
    throw new StartupError(`BRAND_LOGO_FILE cannot be read: ${(error as Error).message}`)
  }
  throw new StartupError(`BRAND_LOGO_FILE must have at most ${MAX_BYTES / 1024} KiB: ${file}`)
}

/** Width divided by height, from the header (PNG §11.2.2). */
function pngRatio(content: Buffer): number | undefined {
  return content.length < 24 ? undefined : content.readUInt32BE(16) / content.readUInt32BE(20)
}

function svgRatio(text: string): number | undefined {
  const [svg] = /<svg\b[^>]*>/i.exec(text) ?? []
  const [, box] = /\bviewBox\s*=\s*["']([^"']*)["']/.exec(svg ?? '') ?? []
  const [, , width, height] =
    box
      ?.trim()
      .split(/[\s,]+/)
      .map(Number) ?? []
  return width && height ? width / height : undefined
}
