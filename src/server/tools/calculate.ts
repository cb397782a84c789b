import * as z from 'zod'
import { defineTool } from './tool.ts'

const maxExpressionLength = 2_000

const schema = z.strictObject({
  expression: z
    .string()
    .min(1)
    .max(maxExpressionLength)
    .describe('Numbers, operators, functions, units and matrices, such as "2^200", "sqrt(2)" or "5 km/h to m/s".'),
})

export default defineTool({
  name: 'calculate',
  description:
    'Calculates an expression: exactly where it can be (fractions, whole numbers of any size), else to 40 digits. Knows units, matrices and statistics.',
  group: 'data',
  permission: 'safe',
  schema,
  example: { expression: '(0.1 + 0.2) * 3 / 7' },
  run: ({ expression }, { compute, signal }) => compute.run({ name: 'calculate', expression }, signal),
})
