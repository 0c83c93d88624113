import { encode } from 'uqr'

/** Modules of light border around the code, which scanners need. */
const BORDER = 2

/** A text as a QR code: SVG, one path with a line for each run of dark modules, since a page has few bytes to spare. */
export function qrCode(text: string): string {
  const { data, size } = encode(text, { border: BORDER })
  const lines = data.flatMap((row, y) => darkRuns(row).map(([x, length]) => `M${x} ${y}.5h${length}`))
  const light = `<path fill="#fff" d="M0 0h${size}v${size}H0z"/>`
  return `<svg viewBox="0 0 ${size} ${size}" shape-rendering="crispEdges">${light}<path stroke="#000" d="${lines.join('')}"/></svg>`
}

/** @returns where each run begins, and its length */
function darkRuns(row: readonly boolean[]): [number, number][] {
  const runs: [number, number][] = []
  for (const [x, isDark] of row.entries()) {
    const last = runs.at(-1)
    if (!isDark) continue
    if (last && last[0] + last[1] === x) last[1]++
    else runs.push([x, 1])
  }
  return runs
}
