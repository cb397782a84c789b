import type { ToolRunsProps } from '../../islands/ToolRuns.tsx'
import { TalonError } from '../../protocol/errors.ts'
import type { PageContext } from './page.ts'

/** The run that the address unfolds, with what it said. One that is gone is as good as none. */
export async function openedRun({ ask, query }: PageContext): Promise<ToolRunsProps['opened']> {
  const invocationId = query('run')
  if (invocationId === undefined) return undefined
  try {
    const { output, attachments } = await ask('tools.run', { invocationId })
    return { invocationId, said: { output, attachments } }
  } catch (error) {
    if (error instanceof TalonError) return undefined
    throw error
  }
}
