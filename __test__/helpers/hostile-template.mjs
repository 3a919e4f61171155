// node hostile-template.mjs FOLDER: opens a model and asks it; prints what came of it and the memory that it took, in bytes
import { VisionModel } from '../../src/revision/model.ts'

const [, , path] = process.argv
let outcome
try {
  const model = await VisionModel.open({ path, dim: 4, dtype: 'f32', threads: 1 })
  const { positions } = await model.sizes([
    {
      id: 's',
      rows: [],
      turns: [
        { role: 'user', content: 'what is this ?' },
        { role: 'assistant', content: 'a fox' },
      ],
    },
  ])
  outcome = { positions }
} catch (error) {
  outcome = { code: error.code, message: error.message, file: error.file }
}
process.stdout.write(`${JSON.stringify({ ...outcome, bytes: process.resourceUsage().maxRSS * 1024 })}\n`)
