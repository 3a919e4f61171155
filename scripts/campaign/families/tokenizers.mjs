// Tokenizers of strangers: rules that grow a text, never end, or contradict themselves; in folders of language models and of encoders.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DualEncoder } from '../../../src/encoder/encoder.ts'
import { VisionModel } from '../../../src/revision/model.ts'
import { CASES, copied, written } from '../kinds/material.mjs'

const jsonOf = path => JSON.parse(readFileSync(path, 'utf8'))
const ANSWER = { role: 'assistant', content: 'a fox' }

/** Folders whose `tokenizer.json` is taken by its rules, and what makes tokens with it. */
const FOLDERS = {
  'language model': {
    base: join(CASES, 'model-cases/lm'),
    async read(path, content) {
      const model = await VisionModel.open({ path, dim: 4, dtype: 'f32', threads: 1, maxLength: 64 })
      try {
        const turns = [{ role: 'user', content }, ANSWER]
        return (await model.evaluate({ samples: [{ id: 's', rows: [], turns }] })).losses
      } finally {
        model.dispose()
      }
    },
  },
  encoder: {
    base: join(CASES, 'encoders/bert'),
    // a class that builds nothing anew
    more: { 'm/tokenizer_config.json': { tokenizer_class: 'PreTrainedTokenizerFast' } },
    async read(path, content) {
      const encoder = await DualEncoder.load(path)
      try {
        return await encoder.embedTexts([content, 'a fox'])
      } finally {
        encoder.dispose()
      }
    },
  },
}

/** A change of `tokenizer.json` and a text, for both kinds of folders; `says` for those that have to be refused. */
function tokenizer(id, changes, { content = 'what is this ?', says } = {}) {
  return Object.entries(FOLDERS).map(([kind, { base, more = {}, read }]) => ({
    id: `tokenizer of ${kind === 'encoder' ? 'an' : 'a'} ${kind}: ${id}`,
    mayBeRead: says === undefined,
    ...(says === undefined ? {} : { says, codes: ['BAD_MODEL', 'BAD_OPTION'] }),
    make(folder) {
      copied(folder, { m: base })
      const own = jsonOf(join(base, 'tokenizer.json'))
      const changed = typeof changes === 'function' ? changes(own) : changes
      written(folder, { ...more, 'm/tokenizer.json': { ...own, ...changed } })
    },
    read: async folder => await read(join(folder, 'm'), content),
  }))
}

const replace = (pattern, content) => ({ type: 'Replace', pattern, content })
const ten = replace({ String: 'a' }, 'a'.repeat(10_000))
const nine = replace({ String: 'a' }, 'a'.repeat(9))
const split = Regex => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false })
const sequence = (kind, list) => ({ type: 'Sequence', [kind]: list })
const added = (id, content, more = {}) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
  ...more,
})
const nested = (type, list, depth) =>
  Array.from({ length: depth }).reduce(inner => ({ type, [list]: [inner] }), { type: 'Lowercase' })

/** A table of SentencePiece: a trie in which every letter leads to the text at `at`. */
function charsmap(texts, at = 0) {
  const trie = Buffer.alloc(4 * 1024)
  const unit = (label, offset, leaf) => (label | (offset << 10) | (leaf ? 1 << 8 : 0)) >>> 0
  trie.writeUInt32LE(unit(0, 256, false), 0)
  for (let letter = 1; letter < 256; letter++) {
    trie.writeUInt32LE(unit(letter, 512, true), 4 * (256 ^ letter))
    trie.writeUInt32LE((at | 0x80000000) >>> 0, 4 * (256 ^ letter ^ 512))
  }
  const size = Buffer.alloc(4)
  size.writeUInt32LE(trie.length)
  return Buffer.concat([size, trie, Buffer.from(texts)]).toString('base64')
}
const precompiled = precompiled_charsmap => ({ normalizer: { type: 'Precompiled', precompiled_charsmap } })

const padding = changes => ({
  padding: {
    strategy: 'BatchLongest',
    direction: 'Right',
    pad_to_multiple_of: null,
    pad_id: 0,
    pad_type_id: 0,
    pad_token: '<s>',
    ...changes,
  },
})
const truncation = changes => ({
  truncation: { max_length: 512, stride: 0, strategy: 'LongestFirst', direction: 'Right', ...changes },
})
const template = (single, ids = [1]) => ({
  post_processor: {
    type: 'TemplateProcessing',
    single,
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
    special_tokens: { x: { id: 'x', ids, tokens: ids.map(() => 'x') } },
  },
})
const TEXT = { Sequence: { id: 'A', type_id: 0 } }
const MARK = { SpecialToken: { id: 'x', type_id: 0 } }

const letters = 'abcdefghijklmnopqrstuvwxyz ?'
const unigram = (pieces, changes = {}) => ({
  pre_tokenizer: null,
  normalizer: null,
  model: { type: 'Unigram', unk_id: 0, vocab: [['<unk>', 0], ...pieces], byte_fallback: false, ...changes },
})
const wordpiece = (vocab, changes = {}) => ({
  normalizer: null,
  pre_tokenizer: { type: 'WhitespaceSplit' },
  model: {
    type: 'WordPiece',
    unk_token: '?',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(vocab.map((word, i) => [word, i])),
    ...changes,
  },
})
const bpe = (vocab, merges, changes = {}) => ({
  pre_tokenizer: null,
  normalizer: null,
  model: { type: 'BPE', vocab: Object.fromEntries(vocab.map((word, i) => [word, i])), merges, ...changes },
})

const growth = [
  tokenizer(
    'a normalizer that multiplies',
    { normalizer: sequence('normalizers', [ten, ten, ten]) },
    { content: 'aaaa', says: /normalizer can make a text/ },
  ),
  tokenizer(
    'rules that multiply little by little',
    { normalizer: sequence('normalizers', Array(9).fill(nine)) },
    { content: 'aaaa', says: /normalizer can make a text/ },
  ),
  tokenizer(
    'sequences in sequences that multiply',
    {
      normalizer: sequence('normalizers', [
        sequence('normalizers', [nine, nine]),
        sequence('normalizers', [nine, nine]),
      ]),
    },
    { content: 'aaaa', says: /normalizer can make a text/ },
  ),
  tokenizer(
    'a decoder that multiplies',
    { decoder: sequence('decoders', [ten, ten]) },
    { says: /decoder can make a text/ },
  ),
  tokenizer(
    'a normalizer that puts before',
    { normalizer: { type: 'Prepend', prepend: 'a'.repeat(1 << 20) } },
    { says: /Prepend/ },
  ),
  tokenizer('an empty pattern', { normalizer: replace({ String: '' }, 'aaaa') }),
  tokenizer(
    'an empty pattern of much',
    { normalizer: replace({ String: '' }, 'a'.repeat(1_000)) },
    { says: /normalizer can make a text/ },
  ),
  tokenizer(
    'an expression that matches nothing at all',
    { normalizer: replace({ Regex: 'x*' }, 'a'.repeat(1_000)) },
    { says: /normalizer can make a text/ },
  ),
  tokenizer(
    'many rules',
    { normalizer: sequence('normalizers', Array(100_000).fill({ type: 'Lowercase' })) },
    { says: /rules/ },
  ),
  tokenizer('normalizers in normalizers', { normalizer: nested('Sequence', 'normalizers', 100) }),
  tokenizer('a table that is not base64', precompiled('?!'.repeat(1000)), { says: /base64/ }),
  tokenizer('a table of nonsense', precompiled('AAAAAAAAAAAAAAAA'.repeat(1000))),
  tokenizer('a table that is cut', precompiled('////fw=='), { says: /precompiled_charsmap/ }),
  tokenizer('a table with a long text', precompiled(charsmap('a'.repeat(1 << 20))), {
    says: /normalizer can make a text/,
  }),
  tokenizer('a table that points out of its texts', precompiled(charsmap('a\0', 1 << 30))),
  tokenizer('a table that points into a letter', precompiled(charsmap('\u00e9\u00e9\0', 1))),
  tokenizer('a table that cuts all', precompiled(charsmap('\0'))),
  tokenizer('a template of many tokens', template([...Array(5_000).fill(MARK), TEXT]), {
    says: /tokens around a text/,
  }),
  tokenizer('a token that is many', template([MARK, TEXT], Array(100_000).fill(1)), { says: /tokens around a text/ }),
  tokenizer('a template that repeats the text', template(Array(5_000).fill(TEXT)), { says: /repeats a text/ }),
  tokenizer('a template without the text', template([MARK])),
  tokenizer('a text too long', {}, { content: 'a b '.repeat(2_000_000), says: /a text has 80000\d\d bytes/ }),
]

const numbers = [
  tokenizer('padding to 1,000,000,000', padding({ strategy: { Fixed: 1e9 } })),
  tokenizer('padding to a multiple of 1,000,000,000', padding({ pad_to_multiple_of: 1e9 })),
  tokenizer('padding to a multiple of nothing', padding({ pad_to_multiple_of: 0 })),
  tokenizer('truncation to nothing', truncation({ max_length: 0 })),
  tokenizer('truncation far away', truncation({ max_length: Number.MAX_SAFE_INTEGER })),
  tokenizer('truncation with a stride', truncation({ max_length: 4, stride: 4 })),
  tokenizer('truncation with a stride far away', truncation({ max_length: 8, stride: Number.MAX_SAFE_INTEGER })),
  tokenizer(
    'a long prefix of words',
    wordpiece(['a', '?', '##b'], { continuing_subword_prefix: '#'.repeat(1 << 20) }),
    { says: /continuing_subword_prefix/ },
  ),
  tokenizer('words without an end', wordpiece(['a', '?', '##a'], { max_input_chars_per_word: 1e9 }), {
    content: 'a'.repeat(100_000),
    says: /max_input_chars_per_word/,
  }),
  tokenizer('long words', wordpiece(['a', '?', '##a'], { max_input_chars_per_word: 512 }), {
    content: `${'a'.repeat(511)} `.repeat(200),
  }),
  tokenizer('words that are not found', wordpiece(['?'], { max_input_chars_per_word: 512 }), {
    content: `${'b'.repeat(511)} `.repeat(200),
  }),
  tokenizer('no words', wordpiece([])),
  tokenizer('a suffix without an end', bpe([...letters], [], { end_of_word_suffix: 'a'.repeat(1 << 20) }), {
    says: /end_of_word_suffix/,
  }),
  tokenizer('a unigram without pieces', unigram([], { vocab: [] })),
  tokenizer('a unigram whose unknown is not there', unigram([['a', -1]], { unk_id: 4_294_967_295 })),
  tokenizer('a unigram without an unknown', unigram([['a', -1]], { unk_id: null })),
  tokenizer('a unigram of nonsense', unigram([['a'], ['b', 'c'], 7])),
  tokenizer('a unigram of empty pieces', unigram(Array(1_000).fill(['', 0]))),
  tokenizer('a unigram of great scores', unigram([...letters].map(letter => [letter, 1e308]))),
  tokenizer('a unigram of long pieces', unigram([['a'.repeat(1 << 20), 0]]), { says: /a token of/ }),
  tokenizer(
    'a unigram of pieces in pieces',
    unigram(Array.from({ length: 2_000 }, (_, i) => ['a'.repeat(i + 1), -1])),
    { content: 'a'.repeat(5_000) },
  ),
  tokenizer('merges that are not there', bpe(['a', 'b'], [['a', 'c']])),
  tokenizer(
    'merges that meet themselves',
    bpe(
      ['a', 'aa', 'aaaa'],
      [
        ['a', 'a'],
        ['aa', 'aa'],
      ],
    ),
    { content: 'a'.repeat(100_000) },
  ),
  tokenizer(
    'a vocabulary with a gap',
    { model: { type: 'BPE', vocab: { a: 0, b: 4_294_967_295 }, merges: [] } },
    { content: 'ab' },
  ),
  tokenizer('a dropout beyond 1', bpe([...letters], [], { dropout: 2 })),
  tokenizer('pieces of no letters', { pre_tokenizer: { type: 'FixedLength', length: 0 } }),
  tokenizer('a decoder that strips without an end', {
    decoder: { type: 'Strip', content: 'a', start: 4e9, stop: 4e9 },
  }),
  tokenizer('an added token far away', { added_tokens: [added(4_294_967_295, '<far>')] }, { content: '<far>' }),
  tokenizer('many added tokens', { added_tokens: Array.from({ length: 50_000 }, (_, i) => added(i, `<t${i}>`)) }),
  tokenizer('a long added token', { added_tokens: [added(0, 'x'.repeat(1 << 20))] }, { says: /a token of/ }),
  tokenizer('an empty added token', { added_tokens: [added(0, '')] }),
  tokenizer(
    'added tokens that grow',
    own => ({
      normalizer: replace({ String: 'a' }, 'a'.repeat(200)),
      added_tokens: Array.from({ length: 3_000 }, (_, i) =>
        added(i, `${i}${'a'.repeat(1_000)}`, { normalized: true, special: false }),
      ),
      model: own.model,
    }),
    { says: /added tokens become/ },
  ),
  tokenizer(
    'added tokens of one letter',
    { added_tokens: [...letters].map((letter, i) => added(i, letter, { lstrip: true, rstrip: true })) },
    { content: 'a '.repeat(50_000) },
  ),
  tokenizer('a post-processor of tokens that are not there', {
    post_processor: { type: 'BertProcessing', sep: ['x', 4_294_967_295], cls: ['y', 4_294_967_294] },
  }),
  tokenizer('another version', { version: '99.0' }),
  tokenizer('no model', { model: null }),
  tokenizer('an unknown model', { model: { type: 'Quantum', vocab: {} } }),
]

/** Patterns with a text in which they meet what they are slow at. */
const patterns = Object.entries({
  repetitions: ['(a*)*(a*)*(a*)*b', 30_000],
  choices: ['(?:a|a|a|a)*c', 30_000],
  'references back': ['(a+)\\1+\\1+c', 5_000],
  'many counts': ['(((a{100}){100}){100}){100}', 5_000],
  'a look ahead at repetitions': ['(?=(a+)+b)', 30_000],
  'repetitions before a look ahead': ['(?:a+)+(?!a)b', 30_000],
  'a look ahead that may fail': ['(?:(?=(?:a|a){18}b))?a', 5_000],
  'a look behind': ['(?<=(?:a|aa)+)b', 30_000],
  'many repetitions': ['a*a*a*a*a*a*(?!a)b', 5_000],
  'a long pattern': ['a?'.repeat(40_000), 1_000],
  'a class of all letters': ['[\\s\\S]{1,1000}(?!x)', 30_000],
  'open brackets': ['('.repeat(10_000), 10],
  'a count without an end': ['(?:a{0,4294967295}){0,4294967295}', 1_000],
}).flatMap(([what, [pattern, length]]) => {
  const content = 'a'.repeat(length)
  return [
    tokenizer(`a normalizer with ${what}`, { normalizer: replace({ Regex: pattern }, 'x') }, { content }),
    tokenizer(`a pre-tokenizer with ${what}`, { pre_tokenizer: split(pattern) }, { content }),
  ]
})

/** Long texts of one piece, with the tokenizers as they are. */
const texts = [' ', '.', "n't", '\n', 'a', '\u0301', '\ufdfa', '👩‍🚀', '<s>'].map(piece =>
  tokenizer(`100 kB of ${JSON.stringify(piece)}`, {}, { content: piece.repeat(100_000 / piece.length) }),
)

export const families = [...growth, ...numbers, ...patterns, ...texts].flat()
