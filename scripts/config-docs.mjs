// Writes what is made from the schema of the configuration anew: the tables of docs/revision-config.md, and the types.
//
//     node --import=./scripts/typescript/register.mjs scripts/config-docs.mjs
import { writeFileSync } from 'node:fs'
import { REFERENCE, reference } from './config/reference.ts'
import { configTypes, TYPES } from './config/types.ts'

writeFileSync(REFERENCE, reference())
writeFileSync(TYPES, configTypes())
