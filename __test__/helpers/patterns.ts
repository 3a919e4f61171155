import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AST, RegExpParser } from '@eslint-community/regexpp'
import ts from 'typescript'

/** A regular expression in a source, and where it stands. */
export interface Found {
  place: string
  source: string
  flags: string
}

/** All regular expressions of the TypeScript files below a folder; those that are put together at run time, too. */
export function patternsBelow(folder: string): Found[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.ts'))
  return files.flatMap(name => patternsIn(name, readFileSync(join(folder, name), 'utf8')))
}

function patternsIn(name: string, text: string): Found[] {
  const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest)
  const found: Found[] = []
  const constants = new Map<string, string>()
  const place = (node: ts.Node) => `${name}:${file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1}`
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.initializer !== undefined) {
      const value = textOf(node.initializer, constants)
      if (value !== undefined) constants.set(node.name.text, value)
    }
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf('/')
      found.push({ place: place(node), source: node.text.slice(1, end), flags: node.text.slice(end + 1) })
    } else if (
      (ts.isNewExpression(node) || ts.isCallExpression(node)) &&
      node.expression.getText(file) === 'RegExp' &&
      node.arguments?.[0] !== undefined
    ) {
      const [source, flags] = node.arguments.map(each => textOf(each, constants))
      if (source === undefined) throw new Error(`${place(node)}: an expression that cannot be seen here`)
      found.push({ place: place(node), source, flags: flags ?? '' })
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

/** The value of a literal, and of a template of constants that stand before. */
function textOf(node: ts.Expression, constants: ReadonlyMap<string, string>): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text
  if (!ts.isTemplateExpression(node)) return undefined
  return node.templateSpans.reduce<string | undefined>((before, { expression, literal }) => {
    const value = ts.isIdentifier(expression) ? constants.get(expression.text) : undefined
    return before === undefined || value === undefined ? undefined : before + value + literal.text
  }, node.head.text)
}

/**
 * Where an expression may try a text of one piece again and again: two repetitions without an end beside each other (with nothing
 * between them that must be there and that neither of them takes) that take the same character, or one in another.
 */
export function adjoining({ source, flags }: { source: string; flags: string }): string[] {
  const unicode = flags.includes('u')
  const sets = flags.includes('v')
  const tree = new RegExpParser({ ecmaVersion: 2025 }).parsePattern(source, 0, source.length, {
    unicode,
    unicodeSets: sets,
  })
  const found: string[] = []
  const takes = takerOf(flags)
  const visit = (alternative: AST.Alternative, outer: AST.Quantifier | undefined) => {
    const { elements } = alternative
    elements.forEach((element, i) => {
      if (isOpen(element)) {
        if (outer !== undefined) found.push(`${element.raw} in ${outer.raw}`)
        for (const next of elements.slice(i + 1)) {
          const both = common(takes(element), takes(next))
          if (isOpen(next) && both) found.push(`${element.raw} and ${next.raw}`)
          // the first repetition cannot go past what it does not take
          if (isNeeded(next) && !both) break
        }
      }
      const inside = element.type === 'Quantifier' ? element.element : element
      if ('alternatives' in inside) {
        const open = isOpen(element) ? (element as AST.Quantifier) : outer
        for (const each of inside.alternatives) visit(each, inside.type === 'Assertion' ? undefined : open)
      }
    })
  }
  for (const each of tree.alternatives) visit(each, undefined)
  return found
}

/**
 * Where a search may begin again at every character of a run: a repetition without an end comes first, nothing says where it begins,
 * and what follows may fail.
 */
export function searching({ source, flags }: { source: string; flags: string }): string[] {
  if (flags.includes('y')) return []
  const tree = new RegExpParser({ ecmaVersion: 2025 }).parsePattern(source, 0, source.length, {
    unicode: flags.includes('u'),
    unicodeSets: flags.includes('v'),
  })
  return tree.alternatives.flatMap(({ elements }) => {
    const first = elements.findIndex(element => isOpen(element) || isNeeded(element) || element.type === 'Assertion')
    const open = elements[first]
    if (open === undefined || !isOpen(open)) return []
    const mayFail = elements.slice(first + 1).some(element => isNeeded(element) || element.type === 'Assertion')
    return mayFail ? [open.raw] : []
  })
}

function isOpen(element: AST.Element): boolean {
  return element.type === 'Quantifier' && element.max === Number.POSITIVE_INFINITY
}

/** Whether an element takes a character at the least. */
function isNeeded(element: AST.Element): boolean {
  switch (element.type) {
    case 'Quantifier':
      return element.min > 0 && isNeeded(element.element)
    case 'Assertion':
    case 'Backreference':
      return false
    case 'Group':
    case 'CapturingGroup':
      return element.alternatives.every(({ elements }) => elements.some(isNeeded))
    default:
      return true
  }
}

/** Characters that stand for all: every one below U+0250, and one of each further script and kind that a class may name. */
const SAMPLE = [
  ...Array.from({ length: 0x250 }, (_, code) => String.fromCharCode(code)),
  ...'\u0301\u0416\u05d0\u0661\u0905\u1680\u2003\u2028\u2029\u2013\u2019\u20ac\u2155\u221e\u2212\u2264\u2581\u3000\u3042\u6771\uff11\ufeff',
]

/** Which characters of the sample stand somewhere in what an element takes. */
function takerOf(flags: string): (element: AST.Element) => ReadonlySet<string> {
  const kept = flags.replaceAll(/[^iuvs]/g, '')
  const of = (element: AST.Element): Set<string> => {
    switch (element.type) {
      case 'Quantifier':
        return of(element.element)
      case 'Group':
      case 'CapturingGroup':
        return new Set(element.alternatives.flatMap(({ elements }) => elements.flatMap(each => [...of(each)])))
      case 'Assertion':
        return new Set()
      // what it refers to may be anything
      case 'Backreference':
        return new Set(SAMPLE)
      default: {
        const one = new RegExp(`^(?:${element.raw})$`, kept)
        return new Set(SAMPLE.filter(character => one.test(character)))
      }
    }
  }
  return of
}

function common(left: ReadonlySet<string>, right: ReadonlySet<string>): boolean {
  return [...left].some(character => right.has(character))
}
