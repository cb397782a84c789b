import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/**
 * What axe finds wrong with a page as it stands, one sentence for each element; empty if nothing. The source is evaluated by
 * the browser's own debugger, which a content security policy does not bind, so that the page's policy stays as it is.
 */
export async function axeProblems(page: Page): Promise<string[]> {
  // It is half a megabyte: a page that is looked at again has it.
  if (!(await page.evaluate('Boolean(window.axe)'))) await page.evaluate(`{ ${source} }`)
  // A string, because the functions of this file do not exist in the page.
  const results = (await page.evaluate('axe.run(document, { resultTypes: ["violations"] })')) as AxeResults
  return results.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary = '' }) => {
      return `${id}: ${help} at ${target.join(' ')} (${failureSummary.replaceAll(/\s+/g, ' ')})`
    }),
  )
}
