export interface PngSize {
  width: number
  height: number
}

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex')

/** The size of an image in pixels, from its header (PNG §11.2.2). @returns undefined for what is no PNG */
export function pngSize(content: Buffer): PngSize | undefined {
  if (content.length < 24 || !content.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return undefined
  const width = content.readUInt32BE(16)
  const height = content.readUInt32BE(20)
  return width > 0 && height > 0 ? { width, height } : undefined
}

/** A PNG as a `data:` URL. */
export const dataUrl = ({ content }: { content: Buffer }): string =>
  `data:image/png;base64,${content.toString('base64')}`
