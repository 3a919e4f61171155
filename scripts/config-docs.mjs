// Writes the tables of docs/revision-config.md anew, from the schema of the configuration.
//
//     node --import=@oxc-node/core/register scripts/config-docs.mjs
import { writeFileSync } from 'node:fs'
import { REFERENCE, reference } from '../__test__/helpers/config-reference.ts'

writeFileSync(REFERENCE, reference())
