/** A colour as red, green and blue, from 0 to 255. */
type Rgb = readonly [number, number, number]

/** The least contrast of text (WCAG 2.2 §1.4.3, level AA). */
const TEXT_CONTRAST = 4.5
const WHITE: Rgb = [255, 255, 255]
const BLACK: Rgb = [0, 0, 0]
/** The background of each scheme that is nearest to its text: `--hover` of `tokens.css`. */
const BACKGROUNDS = { light: '#f1f3f6', dark: '#1d222b' } as const

const parse = (hex: string): Rgb => [1, 3, 5].map(at => Number.parseInt(hex.slice(at, at + 2), 16)) as unknown as Rgb
const toHex = (color: Rgb) => `#${color.map(part => Math.round(part).toString(16).padStart(2, '0')).join('')}`

/** WCAG 2.2, relative luminance. */
function luminance(color: Rgb): number {
  const [red = 0, green = 0, blue = 0] = color.map(part => {
    const value = part / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/** The contrast of two colours, from 1 to 21 (WCAG 2.2). @example contrast('#000000', '#ffffff') // 21 */
export function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(parse(one)), luminance(parse(other))].sort((a, b) => a - b)
  return (light + 0.05) / (dark + 0.05)
}

function mix(color: Rgb, other: Rgb, share: number): Rgb {
  return color.map((part, i) => part + ((other[i] ?? 0) - part) * share) as unknown as Rgb
}

/** The colour, or the nearest mixture with black or white that is readable as text on the background. */
function readable(color: string, background: string, towards: Rgb): string {
  for (let share = 0; share < 1; share += 0.02) {
    const candidate = toHex(mix(parse(color), towards, share))
    if (contrast(candidate, background) >= TEXT_CONTRAST) return candidate
  }
  return toHex(towards)
}

export interface BrandColors {
  /** Of buttons. */
  brand: string
  hover: string
  /** Of the text on buttons. */
  onBrand: string
  /** Of links, in each scheme. */
  accent: { light: string; dark: string }
}

/**
 * The colours of the pages, from one of any lightness: text on a button is black or white, and links are as much darker or
 * lighter as they need for a contrast of 4.5 in either scheme.
 * @param color `#rrggbb`
 */
export function brandColors(color: string): BrandColors {
  const isDark = contrast(color, '#ffffff') >= TEXT_CONTRAST
  const hover = toHex(mix(parse(color), isDark ? BLACK : WHITE, 0.12))
  const accent = {
    light: readable(color, BACKGROUNDS.light, BLACK),
    dark: readable(color, BACKGROUNDS.dark, WHITE),
  }
  // Black and white: one of them always has a contrast of 4.5.
  return { brand: color, hover, onBrand: isDark ? '#ffffff' : '#000000', accent }
}

/** The custom properties that the stylesheet refers to. */
export function brandStyles(color: string): string {
  const { brand, hover, onBrand, accent } = brandColors(color)
  return `:root{--brand:${brand};--brand-hover:${hover};--on-brand:${onBrand};--accent:light-dark(${accent.light},${accent.dark})}`
}
