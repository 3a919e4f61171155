import test from 'ava'
import { trainedText } from '../src/cli/encoder.ts'

test('the table of held-out pairs has each number under its heading', t => {
  const recall = (r5: number) => ({ r1: 0.01, r5, r10: 0.99, mrr: 0.5 })
  const held = {
    rows: 120,
    gap: 0.25,
    floor: 0.1,
    textToImage: recall(0.31),
    imageToText: recall(0.47),
    chanceR5: 0.042,
  }
  const text = trainedText({
    encoder: 'out',
    parameters: 1000,
    pairs: 280,
    dropped: { count: 0, first: [] },
    steps: 40,
    loss: 1.5,
    temperature: 0.07,
    heldOut: { unseen: held },
    seconds: 3,
  } as never)
  const [head = '', ...lines] = text.split('\n').slice(text.split('\n').findIndex(line => line.includes('R@5')))
  const cells = (line: string) => line.trim().split(/ {2,}/)
  t.deepEqual(cells(head), ['held out', 'pairs', 'gap', 'text to image R@5', 'image to text R@5', 'chance'])
  const row = lines.find(line => line.includes('unseen')) ?? ''
  t.deepEqual(cells(row), ['unseen', '120', '0.2500', '31.00 %', '47.00 %', '4.20 %'])
})
