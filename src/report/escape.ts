const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Text as HTML; safe in elements and in quoted attributes. */
export function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, character => ENTITIES[character] as string)
}

/** HTML that needs no escaping any more. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Part = Html | string | number | readonly Part[] | undefined | false

/** HTML from a template: everything put in is escaped, except other HTML; `undefined` and `false` leave nothing. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Html {
  return new Html(strings.reduce((all, string, i) => all + textOf(parts[i - 1]) + string))
}

function textOf(part: Part): string {
  if (part instanceof Html) {
    return part.text
  }
  if (part === undefined || part === false) {
    return ''
  }
  return typeof part === 'object' ? part.map(textOf).join('') : escaped(String(part))
}

/** JSON that can stand in a script element: no sequence of it ends or opens one. */
export function scriptJson(value: unknown): Html {
  return new Html(
    JSON.stringify(value).replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029'),
  )
}
