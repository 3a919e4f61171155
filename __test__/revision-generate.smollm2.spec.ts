import test from 'ava'
import { smollm2 } from '../scripts/data/smollm2.mjs'
import { VisionModel } from '../src/revision/model.ts'
import type { AnswerPiece } from '../src/revision/model-options.ts'

test('SmolLM2 knows the capital of France', async t => {
  const model = await VisionModel.open({ path: await smollm2(), dim: 4, template: 'chatml', threads: 2 })
  t.like(model.info, { modelType: 'llama', layers: 30, hidden: 576, vocab: 49_152, dim: 4 })
  const turns = [{ role: 'user' as const, content: 'The capital of France is' }]
  let heard = ''
  const onText = ({ text }: AnswerPiece) => {
    heard += text
  }
  const [answer] = await model.answer({ samples: [{ id: 'a', turns, rows: [] }] }, { maxNewTokens: 24 }, { onText })
  t.regex(answer?.text ?? '', /Paris/)
  t.is(heard, answer?.text ?? '')
})
