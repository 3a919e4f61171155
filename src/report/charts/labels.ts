/** A mark with its name, in pixels from the upper left corner of the plot. */
export interface Mark {
  text: string
  x: number
  y: number
}

/** Where the name of a mark stands. */
export interface Placed {
  position: 'left' | 'right'
  offset: [number, number]
}

const LINE = 16
const LETTER = 7.2
const SPACE = 9

interface Box {
  left: number
  right: number
  top: number
  bottom: number
}

/** Places for names beside their marks, so that no name lies on another name or mark; moved up or down as little as may be. */
export function placed(marks: readonly Mark[], width: number): Placed[] {
  const taken: Box[] = marks.map(({ x, y }) => ({ left: x - 6, right: x + 6, top: y - 6, bottom: y + 6 }))
  return marks.map((mark, own) => {
    const wide = mark.text.length * LETTER
    const fits = STEPS.flatMap(step => SIDES.map(position => ({ position, step }))).find(({ position, step }) => {
      const left = position === 'right' ? mark.x + SPACE : mark.x - SPACE - wide
      const box = { left, right: left + wide, top: mark.y + step - LINE / 2, bottom: mark.y + step + LINE / 2 }
      const free = left >= 0 && box.right <= width && taken.every((other, i) => i === own || !cross(box, other))
      if (free) {
        taken.push(box)
      }
      return free
    })
    return { position: fits?.position ?? 'right', offset: [0, fits?.step ?? 0] }
  })
}

const SIDES = ['right', 'left'] as const
const STEPS = [0, LINE, -LINE, 2 * LINE, -2 * LINE, 3 * LINE, -3 * LINE]

function cross(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}
