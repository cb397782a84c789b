import { mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Workbench, workbench } from './workbench.ts'

let bench: Workbench

beforeAll(async () => {
  bench = await workbench()
})
afterAll(() => bench[Symbol.asyncDispose]())

describe('calculate', () => {
  test.each([
    ['0.1 + 0.2', '0.3'],
    ['2^200', '1606938044258990275541962092341162602522202993782792835301376'],
    ['1/3', '1/3 ≈ 0.33333333333333333333'],
    ['-2/3', '-2/3 ≈ -0.66666666666666666667'],
    ['(0.1 + 0.2) * 3 / 7', '9/70 ≈ 0.12857142857142857143'],
    ['7 / 8', '0.875'],
    ['100!', /^933262154439441526816992388562667004907159682643816214685929638952175999932299156089\d+0{24}$/],
    ['sqrt(2)', '≈ 1.41421356237309504880168872420969807857'],
    ['sqrt(16)', '4'],
    ['sin(pi / 2)', '1'],
    ['5 cm + 2 inch', '10.08 cm'],
    ['10 km/h to m/s', '25/9 ≈ 2.77777777777777777778 m / s'],
    ['25 degC to degF', '77 degF'],
    ['[1, 2; 3, 4] * 2', '[[2, 4], [6, 8]]'],
    ['det([1, 2; 3, 4])', '-2'],
    ['mean(1, 2, 4)', '7/3 ≈ 2.33333333333333333333'],
    ['200 * 10%', '20'],
    ['x = 3; x * 2', '6'],
    ['5 > 3 and 2 < 1', 'false'],
    ['gcd(12, 18)', '6'],
    ['1e400 * 10', '1e+401'],
    ['sqrt(-1)', 'i'],
  ])('%s', async (expression, expected) => {
    const { output, error } = await bench.run('calculate', { expression })
    expect(error).toBeUndefined()
    if (typeof expected === 'string') expect(output).toBe(expected)
    else expect(output).toMatch(expected)
  })

  test.each([
    ['1 +', /Unexpected end|Value expected/],
    ['1 / 0', /no finite value/],
    ['nope(1)', /nope/],
    ['', /expression/],
    ['x', /Undefined symbol x/],
    ['sqrt', /not a value|no value/],
    ['import({a: 1})', /not allowed/],
    ['import("fs")', /import is not allowed/],
    ['evaluate("1")', /evaluate is not allowed/],
    ['parse("1")', /parse is not allowed/],
    ['createUnit("foo")', /createUnit is not allowed/],
    ['config({})', /not allowed/],
    ['f(x) = x', /FunctionAssignmentNode is not allowed/],
    ['"a".constructor', /AccessorNode is not allowed/],
    ['{a: 1}', /ObjectNode is not allowed/],
    ['simplify("x")', /simplify is not allowed/],
    ['map([1], parse)', /parse is not allowed/],
    ['constructor("return process")', /No access|not allowed/],
    ['cos.constructor("return process")', /not allowed/],
  ])('%s is refused in words', async (expression, words) => {
    const outcome = await bench.run('calculate', { expression })
    expect(outcome).toMatchObject({ success: false, code: 'INVALID_MESSAGE', error: expect.stringMatching(words) })
  })

  test.each(['3^(10^8)', 'sum(map(range(1, 100000), sqrt)) * sum(1:1000000)', 'inv(ones(3000, 3000))'])(
    '%s is ended by its bounds, and the next one is answered',
    { timeout: 60_000 },
    async expression => {
      await using short = await workbench({ computeLimitMs: 500 })
      const outcome = await short.run('calculate', { expression })
      expect(outcome.success).toBe(false)
      expect(['TIMEOUT', 'TOO_LARGE', 'INVALID_MESSAGE']).toContain(outcome.code)
      expect((await bench.run('calculate', { expression: '1 + 1' })).output).toBe('2')
    },
  )

  test('a cancelled calculation ends', async () => {
    const stop = new AbortController()
    const running = bench.run('calculate', { expression: '3^(10^8)' }, { signal: stop.signal })
    stop.abort()
    expect(await running).toMatchObject({ success: false })
    expect((await bench.run('calculate', { expression: '2 * 3' })).output).toBe('6')
  })
})

describe('json_query', () => {
  const json = JSON.stringify({
    items: [
      { name: 'pen', price: 2 },
      { name: 'ink', price: 7 },
    ],
  })

  test.each([
    ['items[?price < `5`].name', ['pen']],
    ['items[*].{n: name}', [{ n: 'pen' }, { n: 'ink' }]],
    ['sum(items[*].price)', 9],
    ['nothing', null],
    ['length(items)', 2],
  ])('%s', async (query, expected) => {
    const { output } = await bench.run('json_query', { json, query })
    expect(JSON.parse(output)).toEqual(expected)
  })

  test('reads a file of the workspace', async () => {
    writeFileSync(join(bench.workspace, 'shop.json'), json)
    expect((await bench.run('json_query', { path: 'shop.json', query: 'items[1].name' })).output).toBe('"ink"')
  })

  test.each([
    [{ json: '{', query: 'a' }, 'INVALID_MESSAGE', /It is not JSON/],
    [{ json: '{}', query: 'a[' }, 'INVALID_MESSAGE', /./],
    [{ json: '{}', query: 'nope(a)' }, 'INVALID_MESSAGE', /nope/],
    [{ query: 'a' }, 'INVALID_MESSAGE', /either as "json" or by its "path"/],
    [{ json: '{}', path: 'a.json', query: 'a' }, 'INVALID_MESSAGE', /either/],
    [{ path: '../gateway.db', query: 'a' }, 'FORBIDDEN', /outside/],
    [{ path: 'none.json', query: 'a' }, 'NOT_FOUND', /none.json/],
    [{ path: 'latin.json', query: 'a' }, 'INVALID_MESSAGE', /It is not JSON/],
    [{ path: 'big.json', query: 'a' }, 'TOO_LARGE', /more than 20971520 bytes/],
  ])('%j is refused with %s', async (args, code, words) => {
    writeFileSync(join(bench.workspace, 'latin.json'), Buffer.from('{"a": "caf\xe9"}', 'latin1'))
    writeFileSync(join(bench.workspace, 'big.json'), '{}')
    truncateSync(join(bench.workspace, 'big.json'), 30 * 1_048_576)
    const outcome = await bench.run('json_query', args)
    expect(outcome).toMatchObject({ success: false, code, error: expect.stringMatching(words) })
  })
})

describe('time_now', () => {
  test('tells the time of each zone with its weekday and offset', async () => {
    const { output } = await bench.run('time_now', { zones: ['Asia/Kathmandu', 'UTC'] })
    const iso = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d`
    expect(output).toMatch(new RegExp(String.raw`^UTC: ${iso}\.\d{3}Z\n`))
    expect(output).toMatch(new RegExp(String.raw`\nAsia/Kathmandu: ${iso}\+05:45 \([A-Z]\w+day, UTC\+05:45\)`))
    expect(output).toMatch(/\nUTC: .*\+00:00 /)
  })

  test('without zones it is that of the machine', async () => {
    expect((await bench.run('time_now', {})).output.split('\n')).toHaveLength(2)
  })

  test('a zone that nobody knows is refused', async () => {
    const outcome = await bench.run('time_now', { zones: ['Mars/Olympus'] })
    expect(outcome).toMatchObject({
      success: false,
      code: 'INVALID_MESSAGE',
      error: expect.stringMatching(/Mars.*Europe/),
    })
  })
})

describe('sqlite_query', { timeout: 60_000 }, () => {
  let open: DatabaseSync

  beforeAll(() => {
    mkdirSync(join(bench.workspace, 'data'))
    const database = new DatabaseSync(join(bench.workspace, 'data/shop.db'))
    database.exec(`CREATE TABLE products (name TEXT, price REAL, image BLOB);
      INSERT INTO products VALUES ('pen|ink', 2.5, NULL), ('two' || char(10) || 'lines', 9007199254740993, x'00ff');
      CREATE VIRTUAL TABLE words USING fts5(text); INSERT INTO words VALUES ('hello world');
      CREATE INDEX by_name ON products (name); CREATE VIRTUAL TABLE areas USING rtree(id, low, high);
      INSERT INTO areas VALUES (1, 2, 3)`)
    database.close()
    // Left open, so that what was written is in its log only.
    open = new DatabaseSync(join(bench.workspace, 'data/live.db'))
    open.exec('PRAGMA journal_mode = wal; CREATE TABLE t (x); CREATE INDEX i ON t (x); INSERT INTO t VALUES (1), (2)')
    writeFileSync(join(bench.workspace, 'text.db'), 'This is no database, however long one looks at it.'.repeat(50))
    writeFileSync(join(bench.workspace, 'empty.db'), '')
    const whole = new DatabaseSync(join(bench.workspace, 'torn.db'))
    whole.exec("CREATE TABLE t (x); INSERT INTO t SELECT hex(randomblob(2000)) FROM json_each('[1,2,3,4,5,6,7,8,9]')")
    whole.close()
    truncateSync(join(bench.workspace, 'torn.db'), statSync(join(bench.workspace, 'torn.db')).size / 2)
  })
  afterAll(() => open.close())

  const ask = (path: string, query: string, more: Record<string, unknown> = {}) =>
    bench.run('sqlite_query', { path, query, ...more })

  test('answers with a table in Markdown', async () => {
    const { output } = await ask('data/shop.db', 'SELECT name, price, image FROM products')
    expect(output.split('\n')).toEqual([
      '| name | price | image |',
      '| --- | --- | --- |',
      '| pen\\|ink | 2.5 | NULL |',
      "| two<br>lines | 9007199254740992 | x'00ff' |",
    ])
  })

  test('answers with JSON', async () => {
    const { output } = await ask('data/shop.db', 'SELECT 1 AS a, 2 AS a, 9007199254740993 AS big', { format: 'json' })
    expect(JSON.parse(output)).toEqual([{ a: 1, a_2: 2, big: '9007199254740993' }])
  })

  test('sees what is in the log of a database that is open elsewhere, and changes nothing', async () => {
    const before = readdirSync(join(bench.workspace, 'data')).map(name => [
      name,
      statSync(join(bench.workspace, 'data', name)).mtimeMs,
    ])
    expect((await ask('data/live.db', 'SELECT sum(x) AS s FROM t', { format: 'json' })).output).toBe('[\n{"s":3}\n]')
    const after = readdirSync(join(bench.workspace, 'data')).map(name => [
      name,
      statSync(join(bench.workspace, 'data', name)).mtimeMs,
    ])
    expect(after).toEqual(before)
    expect(readdirSync(join(bench.home, 'run', 'scratch'))).toEqual([])
  })

  test.each([
    ['WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 3) SELECT count(*) FROM n', '| 3 |'],
    ['PRAGMA table_info(products)', '| 0 | name | TEXT |'],
    ['PRAGMA user_version', '| 0 |'],
    ['PRAGMA integrity_check', '| ok |'],
    ["SELECT text FROM words WHERE words MATCH 'hello'", '| hello world |'],
    ['SELECT low FROM areas WHERE high > 0', '| 2 |'],
    ['EXPLAIN QUERY PLAN SELECT * FROM products', 'SCAN products'],
    ['-- a word before\nSELECT 1; -- and one after', '| 1 |'],
    ['SELECT name FROM products WHERE 0', '[no rows]'],
  ])('%s', async (query, expected) => {
    const outcome = await ask('data/shop.db', query)
    expect(outcome.error).toBeUndefined()
    expect(outcome.output).toContain(expected)
  })

  test.each([
    'DELETE FROM products',
    "INSERT INTO products VALUES ('x', 1, NULL)",
    "UPDATE products SET name = 'x'",
    'DROP TABLE products',
    'DELETE FROM areas_node',
    'CREATE TABLE x (y)',
    'CREATE TEMP TABLE x (y)',
    "ATTACH '/etc/passwd' AS other",
    "ATTACH DATABASE 'file:/tmp/x.db?mode=rwc' AS other",
    'PRAGMA user_version = 7',
    'PRAGMA journal_mode = delete',
    'PRAGMA writable_schema = 1',
    "PRAGMA temp_store_directory = '/tmp'",
    "SELECT load_extension('/tmp/x.so')",
    "SELECT writefile('/tmp/pwned', 'x')",
    "SELECT readfile('/etc/passwd')",
    "SELECT fts3_tokenizer('simple')",
    "VACUUM INTO '/tmp/pwned.db'",
    'VACUUM',
    'BEGIN EXCLUSIVE',
    'REINDEX',
    'ANALYZE',
    'SELECT 1; DELETE FROM products',
    'SELECT 1; SELECT 2',
    '/* */ SELECT 1; /* */ DROP TABLE products',
    '',
    ';',
    'SELEC 1',
    'SELECT * FROM nope',
  ])('%j is refused, in words', async query => {
    for (const path of ['data/shop.db', 'data/live.db']) {
      const outcome = await ask(path, query)
      expect(outcome).toMatchObject({ success: false, code: 'INVALID_MESSAGE', error: expect.stringMatching(/\w/) })
    }
  })

  test.each([
    ['text.db', /"text.db" is no SQLite database, is encrypted, or is damaged: file is not a database/],
    ['torn.db', /"torn.db" is damaged: database disk image is malformed/],
  ])('%s is named as what it is', async (path, words) => {
    const outcome = await ask(path, 'SELECT * FROM t')
    expect(outcome).toMatchObject({ success: false, code: 'INVALID_MESSAGE', error: expect.stringMatching(words) })
  })

  test('an empty file is an empty database', async () => {
    expect((await ask('empty.db', 'SELECT count(*) AS n FROM sqlite_schema')).output).toContain('| 0 |')
  })

  test('bounds rows and bytes, and says so', async () => {
    const many = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n'
    expect((await ask('data/shop.db', many, { maxRows: 3 })).output).toMatch(
      /\| 3 \|\n\[only the first 3 rows; there are more\]$/,
    )
    const wide =
      "SELECT printf('%.*c', 1900, 'x') AS a FROM json_each(printf('[%s0]', replace(hex(zeroblob(1000)), '00', '1,')))"
    const { output } = await ask('data/shop.db', wide, { maxRows: 1_000, format: 'json' })
    expect(output).toMatch(/because more would be too long/)
  })

  test('a query without end is ended', async () => {
    const endless = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n'
    expect(await ask('data/shop.db', endless)).toMatchObject({ success: false, code: 'TIMEOUT' })
  })
})
