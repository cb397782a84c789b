import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** What a row may do before a tool is used. */
export interface Ground {
  /** The folder that tools work in. */
  workspace: string
  /** Address of the web server. */
  site: string
  /** Uses another tool, in the same session, and returns what it says. */
  use(toolName: string, args: Record<string, unknown>): Promise<string>
}

type Args = Record<string, unknown>

/** How one tool is used: what it is given, what that shows, and what is wrong with other arguments. */
export interface Row {
  /** Makes what the tool needs, and says with which arguments it is used. */
  args: (ground: Ground) => Args | Promise<Args>
  shows: RegExp
  /** What a dry run says. */
  would: RegExp
  /** Arguments one of which is wrong, and what is said of that. */
  bad: Args
  says: string
}

const string = (name: string, kind = 'number') => `"${name}" is wrong (expected string, received ${kind})`
const missing = (name: string) => `"${name}" is missing (expected string)`
const file = ({ workspace }: Ground, name: string, content = 'one\ntwo\n') => {
  mkdirSync(workspace, { recursive: true })
  writeFileSync(join(workspace, name), content)
  return name
}
/** The first number, or the id of a kind, in what a tool says. */
const idIn = (text: string, form = /\d+/) => form.exec(text)?.[0] ?? ''
/** These arguments, once what they need is there. */
const after = async (made: Promise<unknown>, args: Args): Promise<Args> => {
  await made
  return args
}
const page = async ({ use, site }: Ground) => void (await use('browser_navigate', { url: `${site}/form` }))
const sleeper = async ({ use }: Ground) =>
  idIn(await use('process_start', { command: 'echo ready; sleep 1000', name: 'sleeper' }), /p\d+/)

const files: Record<string, Row> = {
  file_write: {
    args: () => ({ path: 'written.txt', content: 'hello\n' }),
    shows: /^Wrote 6 bytes to written\.txt/,
    would: /^Would write 6 bytes into written\.txt/,
    bad: { path: 'written.txt', content: 6 },
    says: string('content'),
  },
  file_read: {
    args: ground => ({ path: file(ground, 'read.txt'), startLine: 2 }),
    shows: /two/,
    would: /^Would read read\.txt \(8 bytes\)/,
    bad: { path: 'read.txt', startLine: 0 },
    says: '"startLine" is wrong (Too small: expected number to be >=1)',
  },
  file_edit: {
    args: ground => ({ path: file(ground, 'edit.txt'), oldText: 'two', newText: 'three' }),
    shows: /^Edited edit\.txt\.\n@@[\s\S]*-two\n\+three/,
    would: /^Would edit edit\.txt\.\n@@[\s\S]*-two\n\+three/,
    bad: { path: 'edit.txt', newText: 'x' },
    says: missing('oldText'),
  },
  file_list: {
    args: ground => ({ path: '.', pattern: file(ground, 'listed.txt') }),
    shows: /^listed\.txt \(8 bytes\)$/,
    would: /^Would list \./,
    bad: { path: '.', recursive: 'yes' },
    says: '"recursive" is wrong (expected boolean, received string)',
  },
  file_search: {
    args: ground => ({ path: file(ground, 'searched.txt'), query: 'TWO' }),
    shows: /^searched\.txt:2: two$/,
    would: /^Would search in searched\.txt/,
    bad: { path: '.' },
    says: missing('query'),
  },
  file_info: {
    args: ground => ({ path: file(ground, 'info.txt') }),
    shows: /size: 8 bytes[\s\S]*lines: 2\nsha256: [0-9a-f]{64}/,
    would: /^Would look at info\.txt/,
    bad: { path: 7 },
    says: string('path'),
  },
  file_move: {
    args: ground => ({ from: file(ground, `from-${++count}.txt`), to: `moved/to-${count}.txt` }),
    shows: /^Moved the file from-\d+\.txt to moved\/to-\d+\.txt/,
    would: /^Would move the file from-\d+\.txt to moved\/to-\d+\.txt/,
    bad: { from: 'a.txt' },
    says: missing('to'),
  },
  file_delete: {
    args: ground => ({ path: file(ground, 'deleted.txt') }),
    shows: /^Moved deleted\.txt \(8 bytes\) to the trash\. .*talon trash restore /,
    would: /^Would move deleted\.txt \(8 bytes\) to the trash/,
    bad: { paths: ['a.txt'] },
    says: 'there is no "paths" (did you mean "path"? It takes path)',
  },
}

const shell: Record<string, Row> = {
  shell_execute: {
    args: () => ({ command: 'echo $((6*7)); touch made-by-shell' }),
    shows: /^Exit code 0\.\n\nstdout:\n42/,
    would: /^Would run in .*\n.*"-c" "echo \$\(\(6\*7\)\)/,
    bad: { command: 'true', timeout: '10 s' },
    says: '"timeout" is wrong (expected number, received string)',
  },
  process_start: {
    args: () => ({ command: 'echo started; sleep 1000', name: 'server' }),
    shows: /^p\d+ \(server\): running/,
    would: /^Would run in .*\n.*"echo started; sleep 1000"/,
    bad: { name: 'server' },
    says: missing('command'),
  },
  process_output: {
    args: async ground => ({ id: await sleeper(ground), waitMs: 10_000 }),
    shows: /running[\s\S]*ready[\s\S]*Go on reading with since=6/,
    would: /^Would read the output of p\d+/,
    bad: { id: 'p1', waitMs: -1 },
    says: '"waitMs" is wrong (Too small: expected number to be >=0)',
  },
  process_list: {
    args: ground => after(sleeper(ground), {}),
    shows: /p\d+ \(sleeper\): running/,
    would: /^Would list the processes/,
    bad: { id: 'p1' },
    says: 'there is no "id" (It takes no arguments)',
  },
  process_stop: {
    args: async ground => ({ id: await sleeper(ground) }),
    shows: /^p\d+ \(sleeper\): ended\. .*stopped by process_stop/,
    would: /^Would end p\d+ \(sleeper\): running/,
    bad: { id: 1 },
    says: string('id'),
  },
}

const web: Record<string, Row> = {
  web_fetch: {
    args: ({ site }) => ({ url: `${site}/page` }),
    shows: /# Bees\nURL: http.*\/page[\s\S]*Bees make honey/,
    would: /^Would send GET http.*\/page\n[\s\S]*Allowed by: network\.allowHosts/,
    bad: { url: 'http://a.test/', maxChars: 1 },
    says: '"maxChars" is wrong (Too small: expected number to be >=100)',
  },
  web_search: {
    args: () => ({ query: 'bees' }),
    shows: /All about bees[\s\S]*https:\/\/bees\.test\//,
    would: /^Would send GET http.*\/search\?q=bees[\s\S]*Engine: SearXNG/,
    bad: { query: 'bees', limit: 1000 },
    says: '"limit" is wrong (Too big: expected number to be <=20)',
  },
  http_request: {
    args: ({ site }) => ({ method: 'POST', url: `${site}/echo`, body: '{"a":1}' }),
    shows: /^HTTP 200 OK\n[\s\S]*POST application\/json \{"a":1\}/,
    would: /^Would send POST http.*\/echo\n[\s\S]*Body: 7 bytes/,
    bad: { url: 'http://a.test/' },
    says: '"method" is missing (Invalid option: expected one of "GET"|"HEAD"|',
  },
}

export const browserRows: Record<string, Row> = {
  browser_navigate: {
    args: ({ site }) => ({ url: `${site}/form` }),
    shows: /^# Form\nURL: http.*\/form \(status 200\)[\s\S]*Your name[\s\S]*button "Go": #go/,
    would: /^Would send GET http.*\/form\n[\s\S]*Allowed by: network\.allowHosts/,
    bad: { link: 'http://a.test/' },
    says: missing('url'),
  },
  browser_type: {
    args: ground => after(page(ground), { selector: '#name', text: 'Ada' }),
    shows: /Your name: Ada/,
    would: /^Would type into "#name" on the page that is open, at 127\.0\.0\.1:\d+/,
    bad: { selector: '#name' },
    says: missing('text'),
  },
  browser_click: {
    args: ground => after(page(ground), { selector: '#go' }),
    shows: /It went/,
    would: /^Would click "#go" on the page that is open/,
    bad: { selector: '' },
    says: '"selector" is wrong (Too small: expected string to have >=1 characters)',
  },
  browser_extract: {
    args: ground => after(page(ground), { selector: 'h1' }),
    shows: /^A form$/,
    would: /^Would read "h1" on the page that is open/,
    bad: { selector: ['h1'] },
    says: string('selector', 'array'),
  },
  browser_screenshot: {
    args: ground => after(page(ground), {}),
    shows: /^A picture of http.*\/form was taken: \d+ bytes\.\n\[attachment:\S+ .*image\/png/,
    would: /^Would take a picture on the page that is open/,
    bad: { fullPage: 'yes' },
    says: '"fullPage" is wrong (expected boolean, received string)',
  },
}

const memory: Record<string, Row> = {
  memory_append: {
    args: () => ({ text: 'Ada prefers trains.', category: 'people' }),
    shows: /^Kept as entry \d+, in memory\/\d{4}-\d\d-\d\d\.md and memory\/people\.md/,
    would: /^Would keep 19 characters in memory\//,
    bad: { text: 'x', category: 'a/b' },
    says: '"category" is wrong (a category holds no slash',
  },
  memory_read: {
    args: ({ use }) => after(use('memory_append', { text: 'A fox.', category: 'foxes' }), { path: 'memory/foxes.md' }),
    shows: /^memory\/foxes\.md\n\n\[\d+\] .*A fox\./,
    would: /^Would read "memory\/foxes\.md"/,
    bad: { path: 1 },
    says: string('path'),
  },
  memory_search: {
    args: ({ use }) => after(use('memory_append', { text: 'A vixen ran.' }), { query: 'vixen' }),
    shows: /^\[\d+\] .*A vixen ran\./,
    would: /^Would search the memory for "vixen"/,
    bad: { query: 'x', maxResults: 1.5 },
    says: '"maxResults" is wrong (expected int, received number)',
  },
  facts_update: {
    args: () => ({ facts: JSON.stringify({ count: ++count }) }),
    shows: /^FACTS\.json is version \d+ now\. Changed:\n[+~] count: /,
    would: /^Would change 1 of the facts:\n[+~] count: /,
    bad: { facts: 5 },
    says: '"facts" is wrong (expected record, received number, or expected string, received number)',
  },
  soul_update: {
    args: () => ({ content: `You are number ${++count}.` }),
    shows: /^SOUL\.md is version \d+ now/,
    would: /^Would replace SOUL\.md, .* by \d+ characters/,
    bad: { content: ' ' },
    says: '"content" is wrong (Too small: expected string to have >=1 characters)',
  },
  notes_save: {
    args: () => ({ title: 'Packing', content: `- Passport ${++count}`, tags: ['travel'] }),
    shows: /^(Saved as|Updated) notes\/\d+\.md, "Packing"/,
    would: /^Would save \d+ characters as .*"Packing"/,
    bad: { title: 'a', content: 'b', tags: 3 },
    says: '"tags" is wrong (expected array, received number, or expected string, received number)',
  },
  notes_search: {
    args: ({ use }) => after(use('notes_save', { title: 'Badgers', content: 'dig' }), { query: 'badgers' }),
    shows: /^notes\/\d+\.md "Badgers" [\s\S]*dig/,
    would: /^Would search the notes for "badgers"/,
    bad: { query: 'x', tag: '' },
    says: '"tag" is wrong (Too small: expected string to have >=1 characters)',
  },
  tasks_add: {
    args: () => ({ title: 'Renew passport', priority: 'high' }),
    shows: /^Added as task \d+: "Renew passport", priority high/,
    would: /^Would add the task "Renew passport", priority high/,
    bad: { title: 'x', priority: 'urgent' },
    says: '"priority" is wrong (Invalid option: expected one of "low"|"medium"|"high")',
  },
  tasks_list: {
    args: ({ use }) => after(use('tasks_add', { title: 'Feed the owl' }), { status: 'all' }),
    shows: /^\d+\. \[\w+\] Feed the owl/m,
    would: /^Would list up to 50 tasks \(all\)/,
    bad: { status: 'open' },
    says: '"status" is wrong (Invalid option: expected one of "pending"|"completed"|"all")',
  },
  tasks_complete: {
    args: async ({ use }) => ({ id: Number(idIn(await use('tasks_add', { title: 'Wind the clock' }))) }),
    shows: /^Completed task \d+, "Wind the clock"/,
    would: /^Would complete "Wind the clock"/,
    bad: { id: [] },
    says: '"id" is wrong (expected number, received array, or expected string, received array)',
  },
  session_search: {
    args: () => ({ query: 'needle' }),
    shows: /user #\d+: .*needle/,
    would: /^Would search this conversation for "needle"/,
    bad: { search: 'needle' },
    says: missing('query'),
  },
}

const data: Record<string, Row> = {
  calculate: {
    args: () => ({ expression: '(0.1 + 0.2) * 10' }),
    shows: /^3$/,
    would: /^Would run calculate/,
    bad: { expression: 3 },
    says: string('expression'),
  },
  json_query: {
    args: ground => ({ path: file(ground, 'shop.json', '[{"name":"pen","price":2}]'), query: '[?price < `5`].name' }),
    shows: /"pen"/,
    would: /^Would query shop\.json/,
    bad: { json: '{}' },
    says: missing('query'),
  },
  sqlite_query: {
    args: ground => ({ path: database(ground), query: 'SELECT name FROM products' }),
    shows: /\| name \|\n\| --- \|\n\| pen \|/,
    would: /^Would ask shop\.db: SELECT/,
    bad: { path: 'shop.db', query: 'SELECT 1', format: 'csv' },
    says: '"format" is wrong (Invalid option: expected one of "table"|"json")',
  },
  time_now: {
    args: () => ({ zones: ['Asia/Tokyo'] }),
    shows: /^UTC: .*Z\nAsia\/Tokyo: .*\+09:00/,
    would: /^Would run time_now/,
    bad: { zones: 'Asia/Tokyo' },
    says: '"zones" is wrong (expected array, received string)',
  },
}

const agents: Record<string, Row> = {
  delegate: {
    args: () => ({ role: 'critic', task: 'Look at this plan.' }),
    shows: /offline: [\s\S]*Look at this plan[\s\S]*\[critic: /,
    would: /^Would let another agent \(critic\) work on "Look at this plan\."/,
    bad: { role: 'boss', task: 'x' },
    says: '"role" is wrong (Invalid option: expected one of "research"',
  },
  schedule_add: {
    args: () => ({ text: 'Say hello.', at: '2099-01-01T08:00', timezone: 'UTC', name: 'Hello' }),
    shows: /^Added as sched_\S+: "Hello", in this conversation/,
    would: /^Would schedule "Say hello\."/,
    bad: { cron: '0 8 * * *' },
    says: missing('text'),
  },
  schedule_list: {
    args: ground => after(scheduled(ground), {}),
    shows: /sched_\S+ "Owls".*: once/,
    would: /^Would list what is scheduled/,
    bad: { all: true },
    says: 'there is no "all" (It takes no arguments)',
  },
  schedule_remove: {
    args: async ground => ({ id: await scheduled(ground) }),
    shows: /^Removed "Owls"/,
    would: /^Would remove "Owls"/,
    bad: {},
    says: missing('id'),
  },
}

export const rows: Record<string, Row> = { ...files, ...shell, ...web, ...memory, ...data, ...agents }

// Each use of a tool makes something else.
let count = 0

async function scheduled({ use }: Ground): Promise<string> {
  const said = await use('schedule_add', {
    text: 'Feed the owls.',
    at: '2099-01-01T09:00',
    timezone: 'UTC',
    name: 'Owls',
  })
  return idIn(said, /sched_[^\s:]+/)
}

function database({ workspace }: Ground): string {
  mkdirSync(workspace, { recursive: true })
  const made = new DatabaseSync(join(workspace, 'shop.db'))
  made.exec(
    "CREATE TABLE IF NOT EXISTS products (name TEXT); DELETE FROM products; INSERT INTO products VALUES ('pen')",
  )
  made.close()
  return 'shop.db'
}
