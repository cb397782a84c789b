/** A piece of code; `kind` is undefined for what has no colour of its own. */
export interface CodePart {
  text: string
  kind?: PartKind
}

export type PartKind = 'comment' | 'string' | 'number' | 'keyword' | 'name' | 'added' | 'removed'

interface Grammar {
  /** Every alternative begins with a mark of its own and ends by itself, so that a text is read once. Groups are named after kinds; `word` is looked up. */
  marks: RegExp
  keywords?: ReadonlySet<string>
  /** Whether `SELECT` and `select` are the same. */
  anyCase?: true
}

// A page with more elements than that is slow to lay out; what is behind them has no colours.
const maxParts = 4_000

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '))
const cComments = String.raw`(?<comment>\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|(?![\s\S])))`
const hashComments = String.raw`(?<comment>(?<![^\s;(])#[^\n]*)`
const doubled = String.raw`"(?:[^"\\\n]|\\[\s\S])*"?`
const single = String.raw`'(?:[^'\\\n]|\\[\s\S])*'?`
const character = String.raw`'(?:[^'\\\n]|\\[^'\n]{1,8})'`
const back = '`(?:[^`\\\\]|\\\\[\\s\\S])*`?'
const triple = String.raw`"""[\s\S]*?(?:"""|(?![\s\S]))|'''[\s\S]*?(?:'''|(?![\s\S]))`
const number = String.raw`(?<number>\b\d[\w.]*)`
const word = String.raw`(?<word>[A-Za-z_$][\w$]*)`

function grammar(parts: string[], keywords: string, anyCase?: true): Grammar {
  return { marks: new RegExp(parts.join('|'), 'gm'), keywords: words(keywords), ...(anyCase && { anyCase }) }
}

const script = grammar(
  [cComments, `(?<string>${doubled}|${single}|${back})`, number, word],
  'as async await break case catch class const continue debugger default delete do else enum export extends false finally for from function get if implements import in instanceof interface let new null of private protected public readonly return satisfies set static super switch this throw true try type typeof undefined var void while yield',
)
const cLike = grammar(
  [cComments, `(?<string>${doubled}|${character}|${back})`, number, word],
  'abstract as async await bool boolean break case catch chan char class const continue crate def default defer delete do double else enum explicit export extends extern false final finally float fn for func go goto if impl implements import in int interface internal is let long loop map match mod mut namespace new nil null nullptr object operator override package private protected pub public range ref return self select short signed sizeof static string struct super switch template this throw throws trait true try type typedef typename union unsafe unsigned use using val var virtual void volatile when where while yield',
)
const python = grammar(
  [hashComments, `(?<string>${triple}|${doubled}|${single})`, number, word],
  'and as assert async await break case class continue def del elif else except False finally for from global if import in is lambda match None nonlocal not or pass raise return self True try while with yield',
)
const ruby = grammar(
  [hashComments, `(?<string>${doubled}|${single})`, number, word],
  'alias and begin break case class def do else elsif end ensure false for if in module next nil not or redo require rescue retry return self super then true undef unless until when while yield',
)
const shell = grammar(
  [
    hashComments,
    `(?<string>"(?:[^"\\\\]|\\\\[\\s\\S])*"?|'[^']*'?)`,
    String.raw`(?<name>\$(?:\w+|\{[^}\n]*\}?))`,
    word,
  ],
  'case do done elif else esac exit export fi for function if in local return set then until while FROM RUN COPY ADD CMD ENTRYPOINT ENV ARG EXPOSE WORKDIR USER VOLUME LABEL',
)
const sql = grammar(
  [String.raw`(?<comment>--[^\n]*|\/\*[\s\S]*?(?:\*\/|(?![\s\S])))`, `(?<string>'[^']*'?|"[^"]*"?)`, number, word],
  'add all alter and as asc begin between by case check column commit constraint create cross default delete desc distinct drop else end exists explain foreign from full group having if in index inner insert into is join key left like limit not null offset on or order outer pragma primary references returning right rollback select set table then transaction trigger union unique update using values view when where with',
  true,
)
const markup: Grammar = {
  marks:
    /(?<comment><!--[\s\S]*?(?:-->|$))|(?<keyword><[!/?]?[A-Za-z][\w:-]*|[/?]?>)|(?<string>(?<==)"[^"]*"?|(?<==)'[^']*'?)/g,
}
const data = grammar(
  [
    String.raw`(?<name>^[ \t]*(?:- )?[\w.-]+(?=[ \t]?[:=]))`,
    String.raw`(?<keyword>^\[[^\]\n]*\]?)`,
    hashComments,
    `(?<string>${doubled}|${single})`,
    number,
    word,
  ],
  'true false null yes no on off',
)
const json = grammar([`(?<name>${doubled}(?=:))`, `(?<string>${doubled})`, number, word], 'true false null')
const style = grammar(
  [
    cComments,
    `(?<string>${doubled}|${single})`,
    String.raw`(?<keyword>@[\w-]+)`,
    String.raw`(?<number>#[\da-fA-F]{3,8}\b|\b\d[\w.%]*)`,
  ],
  '',
)
const diff: Grammar = { marks: /^(?:(?<added>\+[^\n]*)|(?<removed>-[^\n]*)|(?<keyword>@@[^\n]*))/gm }

const grammars: Readonly<Record<string, Grammar>> = {
  ...named(script, 'js javascript jsx mjs cjs ts typescript tsx mts'),
  ...named(cLike, 'c h cpp c++ cc cs csharp c# go golang java kotlin kt php rust rs scala swift dart'),
  ...named(python, 'py python'),
  ...named(ruby, 'rb ruby'),
  ...named(shell, 'sh bash zsh shell console dockerfile docker'),
  ...named(sql, 'sql sqlite postgresql mysql'),
  ...named(markup, 'html xml svg vue'),
  ...named(data, 'yaml yml toml ini conf env properties'),
  ...named(json, 'json jsonc json5'),
  ...named(style, 'css scss less'),
  ...named(diff, 'diff patch'),
}

function named(rules: Grammar, names: string): Record<string, Grammar> {
  return Object.fromEntries(names.split(' ').map(name => [name, rules]))
}

/** Code in pieces, which together are the code again; undefined for a language that is not known. In linear time. */
export function highlight(code: string, language: string): CodePart[] | undefined {
  const name = language.toLowerCase()
  const rules = Object.hasOwn(grammars, name) ? grammars[name] : undefined
  if (!rules) return undefined
  const parts: CodePart[] = []
  let end = 0
  for (const match of code.matchAll(rules.marks)) {
    const kind = kindOf(match, rules)
    if (kind === undefined) continue
    if (match.index > end) parts.push({ text: code.slice(end, match.index) })
    parts.push({ text: match[0], kind })
    end = match.index + match[0].length
    if (parts.length >= maxParts) break
  }
  if (end < code.length) parts.push({ text: code.slice(end) })
  return parts
}

function kindOf({ groups = {} }: RegExpExecArray, { keywords, anyCase }: Grammar): PartKind | undefined {
  const { word: found, ...kinds } = groups
  if (found !== undefined) return keywords?.has(anyCase ? found.toLowerCase() : found) ? 'keyword' : undefined
  // The groups of the expressions above are named after the kinds.
  return Object.keys(kinds).find(kind => kinds[kind] !== undefined) as PartKind | undefined
}
