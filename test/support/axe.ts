import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults, RunOptions } from 'axe-core'
import type { Page } from 'playwright-core'

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/**
 * What axe finds wrong with a page as it stands, one sentence for each element; empty if nothing. The source is evaluated by
 * the browser's own debugger, which a content security policy does not bind, so that the page's policy stays as it is.
 */
export function axeProblems(page: Page): Promise<string[]> {
  return run(page, {})
}

/** The same for colours alone, for a page that was looked at in another scheme already. */
export function axeContrast(page: Page): Promise<string[]> {
  return run(page, { runOnly: ['color-contrast'] })
}

async function run(page: Page, options: RunOptions): Promise<string[]> {
  await page.evaluate(`if (!window.axe) { ${source} }`)
  const settings = JSON.stringify({ ...options, resultTypes: ['violations'] })
  // A string, because the functions of this file do not exist in the page.
  const results = (await page.evaluate(`axe.run(document, ${settings})`)) as AxeResults
  return results.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary = '' }) => {
      return `${id}: ${help} at ${target.join(' ')} (${failureSummary.replaceAll(/\s+/g, ' ')})`
    }),
  )
}
