// Draws the icons of the dashboard anew from its favicon: `node scripts/icons.ts`. They are kept in the repository, so that
// a build needs no browser.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { favicon } from '../src/server/pages/favicon.ts'
import { launchBrowser } from '../test/support/browser.ts'

// A mask may cut away all but a circle of four fifths of the width, so there the colour fills the whole and the claws are smaller.
const filled = favicon.replace('rx="8" ', '').replace('<g fill', '<g transform="translate(4.8 4.8) scale(.7)" fill')
const icons = [
  { name: 'icon-192', svg: favicon, pixels: 192 },
  { name: 'icon-512', svg: favicon, pixels: 512 },
  { name: 'maskable-192', svg: filled, pixels: 192 },
  { name: 'maskable-512', svg: filled, pixels: 512 },
]

const browser = await launchBrowser()
for (const { name, svg, pixels } of icons) {
  const page = await browser.newPage({ viewport: { width: pixels, height: pixels } })
  const source = `data:image/svg+xml,${encodeURIComponent(svg)}`
  await page.setContent(
    `<body style="margin:0"><img src="${source}" width="${pixels}" height="${pixels}" style="display:block">`,
  )
  await page.locator('img').evaluate(`async image => { await image.decode() }`)
  const png = await page.screenshot({ omitBackground: true })
  writeFileSync(join(import.meta.dirname, `../src/server/pages/icons/${name}.png`), png)
}
await browser.close()
