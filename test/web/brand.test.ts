import t from 'tap'
import { brandColors, contrast } from '../../src/web/brand.ts'

t.test('contrast is that of WCAG', async t => {
  t.equal(contrast('#000000', '#ffffff'), 21)
  t.equal(contrast('#ffffff', '#ffffff'), 1)
  t.equal(contrast('#777777', '#ffffff').toFixed(2), '4.48')
})

t.test('every colour is readable, on buttons and as a link in both schemes', async t => {
  const parts = ['00', '33', '66', '99', 'cc', 'ff']
  const colors = parts.flatMap(red => parts.flatMap(green => parts.map(blue => `#${red}${green}${blue}`)))
  const backgrounds = { light: ['#ffffff', '#f6f7f9', '#f1f3f6'], dark: ['#0b0d11', '#0f1217', '#161a21', '#1d222b'] }
  for (const color of colors) {
    const { brand, hover, onBrand, accent } = brandColors(color)
    t.ok(contrast(brand, onBrand) >= 4.5, `${color}: button`)
    t.ok(contrast(hover, onBrand) >= 4.5, `${color}: button under the pointer`)
    for (const scheme of ['light', 'dark'] as const) {
      for (const background of backgrounds[scheme]) {
        t.ok(contrast(accent[scheme], background) >= 4.5, `${color}: link on ${background}`)
      }
    }
  }
})

t.test('a colour that is readable stays as it is', async t => {
  t.equal(brandColors('#1d4ed8').accent.light, '#1d4ed8')
  t.equal(brandColors('#1d4ed8').brand, '#1d4ed8')
})
