import { renderToString } from 'preact-render-to-string'
import { expect, test } from 'vitest'
import { KeyCaps } from '../../src/islands/shell/KeyList.tsx'

test.each([
  ['a', '<kbd>A</kbd>'],
  ['A', '<kbd>Shift</kbd><kbd>A</kbd>'],
  ['g s', '<kbd>G</kbd><kbd>S</kbd>'],
  ['Mod+k', '<kbd>Ctrl</kbd><kbd>K</kbd>'],
  ['#', '<kbd>#</kbd>'],
])('the key “%s” is shown as what one presses', (keys, caps) => {
  expect(renderToString(<KeyCaps keys={keys} />)).toBe(caps)
})
