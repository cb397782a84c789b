/** One searchable unit of a text: a word, one character of a script without spaces, an emoji or another symbol. */
export interface Word {
  /** As it is compared: without case, accents and points. */
  folded: string
  /** Where it stands in the text, in UTF-16 units. */
  start: number
  end: number
}

// Chinese, Japanese, Korean, Thai and their like have no spaces that a search could rely on: each of their characters
// is a word of its own, so that a search for some of them in a row finds any part of a text.
const script =
  '[[\\p{scx=Han}\\p{scx=Hira}\\p{scx=Kana}\\p{scx=Hang}\\p{scx=Bopo}\\p{scx=Thai}\\p{scx=Laoo}\\p{scx=Khmr}\\p{scx=Mymr}\\p{scx=Tibt}]--\\p{sc=Zinh}]'
const lettersAndMarks = '[\\p{L}\\p{N}\\p{M}]'
const single = `[${script}&&${lettersAndMarks}]`
// Soft hyphens and joiners are written inside words and are no part of them.
const invisible = '\\u00ad\\u0640\\u200c\\u200d\\u2060'
const inWord = `[[\\p{L}\\p{Nd}\\p{Nl}\\p{M}\\p{Co}${invisible}]--${single}]`
// A flag is a pair of letters.
const symbol = '\\p{RI}{2}|[[\\p{So}\\p{Sc}\\p{No}\\p{Extended_Pictographic}]--[\\ufffc\\ufffd\\u{1f3fb}-\\u{1f3ff}]]'
// Behind it, what only colours it or says how it is drawn.
const variant = '[\\ufe0e\\ufe0f\\u20e3\\u{1f3fb}-\\u{1f3ff}]*'
const word = new RegExp(`${inWord}+|(${single}|${symbol})${variant}`, 'gv')

const marks = new RegExp(
  `[${invisible}[\\p{M}&&[\\p{sc=Zinh}\\p{sc=Latn}\\p{sc=Grek}\\p{sc=Cyrl}\\p{sc=Arab}\\p{sc=Hebr}\\p{sc=Syrc}]]]`,
  'gv',
)
// Other forms of ordinary letters: full and half width, ligatures, Arabic presentation forms, mathematical alphabets.
const otherForms =
  /[\ufb00-\ufb06\ufb13-\ufb17\ufb1d-\ufdff\ufe70-\ufefc\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uff9f\u{1d400}-\u{1d7ff}]+/gv
// Letters that Unicode does not take apart, as people write them who lack the key.
const plainLetters: Readonly<Record<string, string>> = {
  ł: 'l',
  ø: 'o',
  đ: 'd',
  ħ: 'h',
  æ: 'ae',
  œ: 'oe',
  ð: 'd',
  þ: 'th',
  ς: 'σ',
}
const special = new RegExp(`[${Object.keys(plainLetters).join('')}]`, 'gv')

const ascii = /^\p{ASCII}*$/v
// What the index cannot take apart by itself: a run of letters and digits with anything in it that is not ASCII.
const otherRun = /[0-9A-Za-z]*\P{ASCII}[^[\p{ASCII}--[0-9A-Za-z]]]*/gv

/** A text in the one form in which it is searched and shown: composed, in ordinary letters. */
export function normal(text: string): string {
  if (ascii.test(text)) return text
  return text.normalize('NFC').replace(otherForms, run => run.normalize('NFKC'))
}

/** The words of a text that is `normal`, in order. */
export function* wordsOf(text: string): Generator<Word> {
  for (const { 0: found, 1: alone, index } of text.matchAll(word)) {
    const folded = alone ?? fold(found)
    if (folded !== '') yield { folded, start: index, end: index + found.length }
  }
}

/**
 * A text as the index takes it: its `ascii` tokenizer separates at ASCII that is no letter or digit, and folds the case
 * of ASCII, so only what is more than that is taken apart here.
 */
export function indexable(text: string): string {
  if (ascii.test(text)) return text
  return normal(text).replace(otherRun, run => ` ${[...wordsOf(run)].map(({ folded }) => folded).join(' ')} `)
}

function fold(found: string): string {
  if (ascii.test(found)) return found.toLowerCase()
  // Both ways, because only the upper case of some letters is one: ß and SS.
  const bare = found.normalize('NFD').replace(marks, '').toUpperCase().toLowerCase()
  return bare.normalize('NFC').replace(special, letter => plainLetters[letter] ?? letter)
}
