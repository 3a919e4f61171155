import type { Chart } from './chart.ts'
import { FONT } from './chart.ts'
import { init, setPlatformAPI } from './engine.ts'
import { escaped } from './escape.ts'
import { PALETTES, type Theme } from './palette.ts'

// without a canvas widths of text are guessed; this guess fits wide fonts, so that nothing touches in narrow ones
setPlatformAPI({
  measureText: (text, font) => ({
    width: guessed(text, Number.parseFloat(/([\d.]+)px/.exec(font ?? '')?.[1] ?? '12')),
  }),
})

/** Height of a line of the legend. */
const LEGEND = 26
/** Height of the title above the drawing. */
const TITLE = 40

/** A chart as an SVG document with its title, in pixels of 96 to the inch. */
export function svgOf(chart: Chart, theme: Theme, width: number): string {
  const colours = PALETTES[theme]
  const lines = legendLines(chart, width)
  const legend = lines === 0 ? 0 : lines * LEGEND + 8
  const height = Math.round(chart.height(width)) + legend
  const drawing = init(null, null, { renderer: 'svg', ssr: true, width, height })
  try {
    drawing.setOption(chart.option({ colours, width, legend }))
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

/** Lines that the engine breaks the legend into: names at 13 pixels, 50 pixels around each. */
function legendLines({ toggles }: Chart, width: number): number {
  let [lines, used] = [0, Number.POSITIVE_INFINITY]
  for (const { name } of toggles) {
    const needed = guessed(name, 13) + 50
    lines += used + needed > width - 16 ? 1 : 0
    used = used + needed > width - 16 ? needed : used + needed
  }
  return lines
}

function guessed(text: string, size: number): number {
  return text.length * 0.6 * size
}
