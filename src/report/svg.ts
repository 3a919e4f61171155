import type { Chart } from './chart.ts'
import { FONT } from './chart.ts'
import { init } from './engine.ts'
import { escaped } from './escape.ts'
import { PALETTES, type Theme } from './palette.ts'

/** Height of the title above the drawing. */
const TITLE = 40

/** A chart as an SVG document with its title, in pixels of 96 to the inch. */
export function svgOf(chart: Chart, theme: Theme, width: number): string {
  const colours = PALETTES[theme]
  const legend = chart.toggles.length > 0 ? 30 : 0
  const height = Math.round(chart.height(width)) + legend
  const drawing = init(null, null, { renderer: 'svg', ssr: true, width, height })
  try {
    drawing.setOption(chart.option({ colours, width, still: true }))
    const inside = drawing.renderToSVGString().replace(/^<svg /, `<svg y="${TITLE}" `)
    return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" height="${height + TITLE}" viewBox="0 0 ${width} ${height + TITLE}" role="img" aria-labelledby="title desc">
<title id="title">${escaped(chart.title)}</title><desc id="desc">${escaped(chart.summary)}</desc>
<rect width="100%" height="100%" fill="${colours.paper}"/>
<text x="16" y="27" font-family="${escaped(FONT)}" font-size="17" font-weight="600" fill="${colours.ink}">${escaped(chart.title)}</text>
${inside}
</svg>
`
  } finally {
    drawing.dispose()
  }
}
